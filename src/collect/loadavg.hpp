// /proc/loadavg: load averages and the number of tasks.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace volta {

struct LoadAverage {
  std::int64_t load1, load5, load15;  // 1/100
  std::int64_t threads;
};

std::optional<LoadAverage> parse_loadavg(std::string_view text);

}  // namespace volta
