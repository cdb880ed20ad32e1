// /proc/pressure/*: time in which tasks stalled for CPU, memory, I/O or interrupts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace volta {

struct Pressure {
  std::optional<std::uint64_t> some_us;
  std::optional<std::uint64_t> full_us;
  std::uint64_t malformed = 0;  // of these two
};

// Of the lines "some avg10=0.00 ... total=123" and "full ..." the totals; what is missing or
// malformed is empty.
Pressure parse_pressure(std::string_view text);

}  // namespace volta
