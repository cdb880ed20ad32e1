// The times at which an expression is evaluated, and of which samples a selector sees there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/time_series.hpp"

namespace volta::promql {

struct Grid {
  std::int64_t start_ms = 0;
  std::int64_t step_ms = 1;  // > 0
  std::size_t steps = 1;     // >= 1

  [[nodiscard]] std::int64_t time(std::size_t step) const {
    return start_ms + static_cast<std::int64_t>(step) * step_ms;
  }
  [[nodiscard]] std::int64_t end_ms() const { return time(steps - 1); }
  [[nodiscard]] Grid first() const { return {start_ms, step_ms, 1}; }
};

// Of each step the window (end - range, end] after offset and @.
struct WindowTimes {
  Grid grid;
  bool fixed = false;  // by @: the same window at every step
  std::int64_t fixed_ms = 0;
  std::int64_t offset_ms = 0;
  std::int64_t range_ms = 0;

  [[nodiscard]] std::int64_t end(std::size_t step) const {
    return (fixed ? fixed_ms : grid.time(step)) - offset_ms;
  }
  // All samples that any window sees.
  [[nodiscard]] TimeSpan span() const { return {end(0) - range_ms + 1, end(grid.steps - 1)}; }
};

}  // namespace volta::promql
