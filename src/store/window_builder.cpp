#include "store/window_builder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/assert.hpp"
#include "store/window_merge.hpp"

namespace volta {
namespace {

constexpr std::int64_t kLastMs = std::numeric_limits<std::int64_t>::max();

Window begun_window(std::int64_t end_ms, std::int64_t time_ms, double value) {
  Window window{end_ms, time_ms, time_ms, value, value, value, value, value};
  window.count = 1;
  return window;
}

void add_to_window(Window& window, std::int64_t time_ms, double value) {
  // Written so that a NaN that stands there gives way to any number, and none takes its place.
  if (!(window.min <= value) && !std::isnan(value)) window.min = value;
  if (!(window.max >= value) && !std::isnan(value)) window.max = value;
  window.sum += value;
  window.increase += value < window.last ? value : value - window.last;
  window.last_ms = time_ms;
  window.last = value;
  ++window.count;
  window.ends_stale = 0;
}

// At least as many windows as the times are in.
std::size_t most_windows(std::span<const std::int64_t> times_ms, std::int64_t step_ms) {
  if (times_ms.empty()) return 0;
  const std::uint64_t span =
      static_cast<std::uint64_t>(times_ms.back()) - static_cast<std::uint64_t>(times_ms.front());
  return std::min(times_ms.size(),
                  static_cast<std::size_t>(span / static_cast<std::uint64_t>(step_ms) + 2));
}

void reserve_windows(WindowColumn& column, std::size_t windows) {
  for (auto* times : {&column.end_ms, &column.first_ms, &column.last_ms}) times->reserve(windows);
  for (auto* values :
       {&column.first, &column.last, &column.min, &column.max, &column.sum, &column.increase}) {
    values->reserve(windows);
  }
  column.count.reserve(windows);
  column.ends_stale.reserve(windows);
}

}  // namespace

std::int64_t window_end_ms(std::int64_t time_ms, std::int64_t step_ms) {
  VOLTA_ASSERT(step_ms > 0);
  const std::int64_t rest = time_ms % step_ms;
  if (rest <= 0) return time_ms - rest;
  return time_ms > kLastMs - (step_ms - rest) ? kLastMs : time_ms + (step_ms - rest);
}

WindowColumn build_windows(const SampleSlice& samples, std::int64_t step_ms) {
  VOLTA_ASSERT(step_ms > 0);
  WindowColumn out;
  reserve_windows(out, most_windows(samples.times_ms, step_ms));
  Window window;  // that is being filled; of count 0: none is
  for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
    const std::int64_t time = samples.times_ms[i];
    const double value = samples.values[i];
    const bool inside = window.count != 0 && time <= window.end_ms;
    if (is_stale_marker(value)) {
      if (inside) window.ends_stale = 1;
    } else if (inside) {
      add_to_window(window, time, value);
    } else {
      if (window.count != 0) append_window(out, window);
      window = begun_window(window_end_ms(time, step_ms), time, value);
    }
  }
  if (window.count != 0) append_window(out, window);
  return out;
}

}  // namespace volta
