// /proc/loadavg: load averages and the number of tasks.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace volta {

// A malformed one is empty.
struct LoadAverage {
  std::optional<std::int64_t> load1, load5, load15;  // 1/100
  std::optional<std::int64_t> threads;
};

// Empty if the text has fewer than four fields.
std::optional<LoadAverage> parse_loadavg(std::string_view text);

}  // namespace volta
