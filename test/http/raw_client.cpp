#include "raw_client.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.hpp"
#include "base/host_port.hpp"
#include "base/text.hpp"

namespace volta::test {
namespace {

void check(int result, const char* what) {
  if (result < 0) throw SystemFailure(what, "a test's client", errno);
}

void set_deadline(int fd) {
  const timeval deadline{20, 0};
  check(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline), "set up");
  check(::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline), "set up");
}

}  // namespace

int Frame::close_code() const {
  if (opcode != 8 || payload.size() < 2) return 0;
  return static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]);
}

RawClient::RawClient(const std::string& address, int receive_buffer)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  set_deadline(fd_.get());
  if (receive_buffer > 0) {
    check(::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer),
          "set up");
  }
  const auto parsed = parse_host_port(address);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(parsed->port);
  ::inet_pton(AF_INET, parsed->host.c_str(), &to.sin_addr);
  check(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), "connect");
}

RawClient::RawClient(const std::filesystem::path& unix_socket)
    : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  set_deadline(fd_.get());
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strncpy(to.sun_path, unix_socket.c_str(), sizeof to.sun_path - 1);
  check(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), "connect");
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return;  // the answer says why
    check(static_cast<int>(sent), "send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool RawClient::fill() {
  std::array<char, 65536> chunk{};
  const ssize_t got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
  if (got < 0 && errno == ECONNRESET) return false;
  if (got < 0) throw std::runtime_error("nothing came within the deadline; so far: " + received_);
  received_.append(chunk.data(), static_cast<std::size_t>(got));
  return got > 0;
}

std::string RawClient::read_until(std::string_view mark) {
  while (received_.find(mark) == std::string::npos) {
    if (!fill()) return std::exchange(received_, {});
  }
  return read_exactly(received_.find(mark) + mark.size());
}

std::string RawClient::read_exactly(std::size_t bytes) {
  while (received_.size() < bytes && fill()) {
  }
  std::string taken = received_.substr(0, bytes);
  received_.erase(0, bytes);
  return taken;
}

RawAnswer RawClient::read_answer(bool head_only) {
  RawAnswer answer;
  answer.head = read_until("\r\n\r\n");
  if (answer.head.size() > 12) {
    answer.status = parse_integer<int>(std::string_view(answer.head).substr(9, 3)).value_or(0);
  }
  static constexpr std::string_view kLength = "\r\nContent-Length: ";
  const std::size_t at = answer.head.find(kLength);
  if (at != std::string::npos && !head_only) {
    const std::size_t from = at + kLength.size();
    const auto length = parse_integer<std::size_t>(
        std::string_view(answer.head).substr(from, answer.head.find('\r', from) - from));
    answer.body = read_exactly(length.value_or(0));
  }
  return answer;
}

bool RawClient::at_end() { return received_.empty() && !fill(); }

RawAnswer RawClient::upgrade(std::string_view path, std::string_view headers) {
  send("GET " + std::string(path) +
       " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
       std::string(headers) + "\r\n");
  return read_answer();
}

void RawClient::send_frame(int opcode, std::string_view payload, bool fin) {
  std::string frame(1, static_cast<char>(opcode | (fin ? 0x80 : 0)));
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    const bool wide = payload.size() > 0xffff;
    frame += static_cast<char>(0x80 | (wide ? 127 : 126));
    for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8) {
      frame += static_cast<char>(payload.size() >> static_cast<unsigned>(shift));
    }
  }
  frame.append(4, '\0');  // a mask of zeros leaves the payload as it is
  send(frame + std::string(payload));
}

std::optional<Frame> RawClient::read_frame() {
  const std::string start = read_exactly(2);
  if (start.size() < 2) return std::nullopt;
  Frame frame;
  frame.fin = (static_cast<unsigned char>(start[0]) & 0x80U) != 0;
  frame.opcode = start[0] & 0x0f;
  std::size_t length = static_cast<unsigned char>(start[1]) & 0x7fU;
  if (length >= 126) {
    const std::string wide = read_exactly(length == 126 ? 2 : 8);
    length = 0;
    for (const char c : wide) length = length * 256 + static_cast<unsigned char>(c);
  }
  frame.payload = read_exactly(length);
  if (frame.payload.size() < length) return std::nullopt;
  return frame;
}

int RawClient::read_close_code() {
  while (auto frame = read_frame()) {
    if (frame->opcode == 8) return frame->close_code();
  }
  return 0;
}

}  // namespace volta::test
