// A plain TCP socket for peers that are not what they should be.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/unique_fd.hpp"

namespace volta::test {

class RawSocket {
 public:
  explicit RawSocket(UniqueFd fd) : fd_(std::move(fd)) {
    const timeval patience{20, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  static RawSocket connect(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("connect failed");
    }
    return RawSocket(std::move(fd));
  }

  // False once the peer has gone.
  [[nodiscard]] bool send(std::string_view bytes) const {
    return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // All that comes until the peer closes, or resets the connection.
  [[nodiscard]] std::string read_all() const {
    std::string all;
    char buffer[4096];
    for (;;) {
      const ssize_t count = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        throw std::runtime_error("the peer neither spoke nor closed");
      }
      if (count <= 0) return all;
      all.append(buffer, static_cast<std::size_t>(count));
    }
  }
  [[nodiscard]] std::string read_exactly(std::size_t size) const {
    std::string bytes(size, '\0');
    const ssize_t count = ::recv(fd_.get(), bytes.data(), size, MSG_WAITALL);
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }
  void end_writing() const { ::shutdown(fd_.get(), SHUT_WR); }

 private:
  UniqueFd fd_;
};

}  // namespace volta::test
