// A client that sends exactly the bytes it is told to, and reads with a deadline.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

namespace volta::test {

struct RawAnswer {
  int status = 0;
  std::string head;  // with its empty line
  std::string body;  // by Content-Length
};

struct Frame {
  int opcode = 0;
  bool fin = false;
  std::string payload;
  // Of a close frame; 0 without one.
  [[nodiscard]] int close_code() const;
};

class RawClient {
 public:
  // "127.0.0.1:PORT". `receive_buffer`: bytes that the kernel holds for us; 0: its default.
  explicit RawClient(const std::string& address, int receive_buffer = 0);
  explicit RawClient(const std::filesystem::path& unix_socket);

  void send(std::string_view bytes);
  // Reads up to and including `mark`, or all there is until the end of the connection.
  std::string read_until(std::string_view mark);
  std::string read_exactly(std::size_t bytes);
  RawAnswer read_answer(bool head_only = false);
  // True if nothing but the connection's end comes within the deadline.
  bool at_end();

  // Sends a WebSocket upgrade with these header lines beside the needed ones; returns the answer.
  RawAnswer upgrade(std::string_view path, std::string_view headers = {});
  void send_frame(int opcode, std::string_view payload, bool fin = true);
  // Empty at the end of the connection.
  std::optional<Frame> read_frame();
  // Skips pings, pongs and messages; 0 if the connection ended without one.
  int read_close_code();

 private:
  bool fill();

  UniqueFd fd_;
  std::string received_;
};

}  // namespace volta::test
