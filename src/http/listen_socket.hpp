// Listening sockets, and who is at the two ends of an accepted one. Plain system calls.
#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "http/request_rules.hpp"
#include "model/http.hpp"

namespace volta {

// An address cannot be listened on. what() is a sentence that names it.
class ListenFailure : public Failure {
 public:
  ListenFailure(const std::string& text, std::string address, bool busy)
      : Failure(text), address_(std::move(address)), busy_(busy) {}
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] bool busy() const { return busy_; }  // another process listens there

 private:
  std::string address_;
  bool busy_;
};

// "127.0.0.1:8420", "[::1]:0", "localhost:8420"; no other names. Throws ListenFailure.
UniqueFd listen_tcp(const std::string& address);

// Mode 0600 from its first moment; started by root, it is the owner's. Replaces a socket that
// nobody listens on. Throws ListenFailure.
UniqueFd listen_unix(const std::filesystem::path& path, uid_t owner);

// "127.0.0.1:43117": where a TCP socket is bound. Throws SystemFailure.
std::string bound_address(int fd);

struct Ends {
  HttpPeer peer;
  RequestPath via;
  std::string limit_key;  // the peer's address without port; "" on loopback and the unix socket
};
// Of a connected socket. Throws SystemFailure if it is not connected any more.
Ends ends_of(int fd, bool unix_socket);

// True if the kernel says that the process at the other end runs as `owner` or root.
bool peer_is_owner(int fd, uid_t owner);

}  // namespace volta
