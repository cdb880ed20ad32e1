// /proc/net/tcp and tcp6: TCP sockets by state. The kernel walks its whole table for each read, so
// this is done once a minute, and in pieces: the file of a busy server has many megabytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace volta {

// Index: the kernel's number of the state, 1 ESTABLISHED to 12 NEW_SYN_RECV; 0 is not one.
constexpr std::array<std::string_view, 13> kTcpStateNames = {
    "",      "established", "syn_sent", "syn_received", "fin_wait1", "fin_wait2",       "time_wait",
    "close", "close_wait",  "last_ack", "listen",       "closing",   "new_syn_received"};

// Takes the file in pieces of any size and counts the lines by state.
class TcpStateCounter {
 public:
  void feed(std::string_view piece);
  void finish();  // the last line may lack its end
  [[nodiscard]] const std::array<std::uint64_t, 13>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

 private:
  void take_line(std::string_view line);

  std::string
      torn_;  // the beginning of a line whose end comes with the next piece; at most 512 bytes
  std::array<std::uint64_t, 13> counts_{};
  std::uint64_t malformed_ = 0;
};

}  // namespace volta
