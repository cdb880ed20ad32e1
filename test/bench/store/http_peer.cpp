#include "http_peer.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace volta::bench {

void HttpPeer::connect() {
  socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw SystemFailure("connect", "127.0.0.1:" + std::to_string(port_), errno);
  const int on = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  timeval patience{300, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  buffer_.clear();
  at_ = 0;
}

void HttpPeer::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw SystemFailure("send", "the server", errno);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool HttpPeer::fill() {
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  }
  const std::size_t before = buffer_.size();
  buffer_.resize(before + (1U << 17U));
  const ssize_t got = ::recv(socket_.get(), buffer_.data() + before, buffer_.size() - before, 0);
  buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return got > 0;
}

std::string HttpPeer::take_line() {
  for (;;) {
    const std::size_t end = buffer_.find("\r\n", at_);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(at_, end - at_);
      at_ = end + 2;
      return line;
    }
    if (!fill()) throw Failure("the server hung up");
  }
}

void HttpPeer::take(std::size_t bytes) {
  while (bytes > 0) {
    if (at_ == buffer_.size() && !fill()) throw Failure("the server hung up in an answer");
    const std::size_t some = std::min(bytes, buffer_.size() - at_);
    reply_.body.append(buffer_, at_, some);
    at_ += some;
    bytes -= some;
  }
}

const HttpReply& HttpPeer::ask(std::string_view method, std::string_view target,
                               std::string_view headers, std::string_view body) {
  if (!socket_) connect();
  std::string head;
  head.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: 127.0.0.1:");
  head.append(std::to_string(port_)).append("\r\n").append(headers);
  if (!body.empty()) head.append("Content-Length: ").append(std::to_string(body.size()) + "\r\n");
  head.append("\r\n");
  send(head);
  send(body);
  reply_.body.clear();
  const std::string first = take_line();
  reply_.status =
      parse_integer<int>(std::string_view(first).substr(std::min<std::size_t>(9, first.size()), 3))
          .value_or(0);
  std::size_t length = 0;
  bool chunked = false;
  bool closes = false;
  for (std::string line = take_line(); !line.empty(); line = take_line()) {
    std::transform(line.begin(), line.end(), line.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::string_view text = line;
    if (text.starts_with("content-length:"))
      length = parse_integer<std::size_t>(trim(text.substr(15))).value_or(0);
    if (text.starts_with("transfer-encoding:") && text.find("chunked") != text.npos) chunked = true;
    if (text.starts_with("connection:") && text.find("close") != text.npos) closes = true;
  }
  if (!chunked) take(length);
  while (chunked) {
    const std::string size = take_line();
    const auto bytes =
        parse_integer<std::size_t>(std::string_view(size).substr(0, size.find(';')), 16);
    if (!bytes) throw Failure("the server's chunks are broken");
    take(*bytes);
    take_line();
    if (*bytes == 0) break;
  }
  if (closes) socket_.reset();
  return reply_;
}

}  // namespace volta::bench
