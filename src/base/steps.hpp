// Multiples of a step beside a number. Pure.
#pragma once

#include <cstdint>

namespace volta {

// The last multiple that is not above the value, and the first that is not below it; of negative
// ones, too. Require step > 0 and a result that fits.
constexpr std::int64_t floor_to_step(std::int64_t value, std::int64_t step) {
  const std::int64_t rest = value % step;
  return value - rest - (rest < 0 ? step : 0);
}
constexpr std::int64_t ceil_to_step(std::int64_t value, std::int64_t step) {
  const std::int64_t rest = value % step;
  return value - rest + (rest > 0 ? step : 0);
}

}  // namespace volta
