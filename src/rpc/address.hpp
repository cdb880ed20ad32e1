// Socket addresses: who the peer is, and a socket to listen on.
#pragma once

#include <cstdint>
#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/unique_fd.hpp"

namespace volta::rpc {

struct Peer {
  std::string ip;  // an IPv4 address in IPv6 clothes is shown as IPv4
  std::uint16_t port = 0;
  bool loopback = false;  // its bytes never leave this machine

  [[nodiscard]] std::string text() const;
};

// Anything that is not an IP address is nobody's loopback.
Peer describe(const sockaddr* address, socklen_t length);

// A listening TCP socket, not blocking. `host`: a name or an address; port 0: any free one. Throws
// SystemFailure, Failure for an unknown name.
UniqueFd listen_on(const std::string& host, std::uint16_t port);
std::uint16_t bound_port(int socket);

// Notices a dead peer within about a minute, whether or not something is to be sent, without a byte
// of our own protocol.
struct KeepaliveOption {
  int level;
  int option;
  int value;
};
constexpr int kDeadAfterMs = 60'000;
inline constexpr KeepaliveOption kKeepaliveOptions[] = {
    {SOL_SOCKET, SO_KEEPALIVE, 1},
    {IPPROTO_TCP, TCP_KEEPIDLE, 30},
    {IPPROTO_TCP, TCP_KEEPINTVL, 10},
    {IPPROTO_TCP, TCP_KEEPCNT, 3},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, kDeadAfterMs},
};

}  // namespace volta::rpc
