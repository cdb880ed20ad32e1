// One kept-alive HTTP/1.1 connection to a server on this machine: measures the server, so it does
// as little as it can itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

namespace volta::bench {

struct HttpReply {
  int status = 0;
  std::string body;
};

// One thread. Throws Failure where the peer is away or does not speak HTTP.
class HttpPeer {
 public:
  explicit HttpPeer(std::uint16_t port) : port_(port) {}

  // `headers`: whole lines with CR LF. Connects when it must. The reply lives until the next call.
  const HttpReply& ask(std::string_view method, std::string_view target, std::string_view headers,
                       std::string_view body);

 private:
  void connect();
  void send(std::string_view bytes) const;
  bool fill();
  std::string take_line();
  void take(std::size_t bytes);

  const std::uint16_t port_;
  UniqueFd socket_;
  std::string buffer_;
  std::size_t at_ = 0;
  HttpReply reply_;
};

}  // namespace volta::bench
