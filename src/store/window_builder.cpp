#include "store/window_builder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/assert.hpp"

namespace volta {
namespace {

constexpr std::int64_t kLastMs = std::numeric_limits<std::int64_t>::max();

void begin_window(WindowColumn& out, std::int64_t end_ms, std::int64_t time_ms, double value) {
  out.end_ms.push_back(end_ms);
  out.first_ms.push_back(time_ms);
  out.last_ms.push_back(time_ms);
  for (auto* column : {&out.first, &out.last, &out.min, &out.max, &out.sum}) {
    column->push_back(value);
  }
  out.increase.push_back(0);
  out.count.push_back(1);
  out.ends_stale.push_back(0);
}

void add_to_window(WindowColumn& out, std::int64_t time_ms, double value) {
  const double before = out.last.back();
  out.last_ms.back() = time_ms;
  out.last.back() = value;
  // Written so that a NaN that stands there gives way to any number, and none takes its place.
  if (!(out.min.back() <= value) && !std::isnan(value)) out.min.back() = value;
  if (!(out.max.back() >= value) && !std::isnan(value)) out.max.back() = value;
  out.sum.back() += value;
  out.increase.back() += value < before ? value : value - before;
  ++out.count.back();
  out.ends_stale.back() = 0;
}

}  // namespace

std::int64_t window_end_ms(std::int64_t time_ms, std::int64_t step_ms) {
  VOLTA_ASSERT(step_ms > 0);
  const std::int64_t rest = time_ms % step_ms;
  if (rest <= 0) return time_ms - rest;
  return time_ms > kLastMs - (step_ms - rest) ? kLastMs : time_ms + (step_ms - rest);
}

WindowColumn build_windows(const SampleSlice& samples, std::int64_t step_ms) {
  WindowColumn out;
  for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
    const std::int64_t time = samples.times_ms[i];
    const double value = samples.values[i];
    const bool inside = out.size() != 0 && time <= out.end_ms.back();
    if (is_stale_marker(value)) {
      if (inside) out.ends_stale.back() = 1;
    } else if (inside) {
      add_to_window(out, time, value);
    } else {
      begin_window(out, window_end_ms(time, step_ms), time, value);
    }
  }
  return out;
}

}  // namespace volta
