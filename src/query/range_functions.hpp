// Functions of a range vector, for one series and all steps at once: the samples pass by once, two
// positions slide over them. Formulas and the order of additions are Prometheus 3's.
#pragma once

#include <span>

#include "query/function_table.hpp"
#include "query/grid.hpp"
#include "query/series_matrix.hpp"

namespace volta::promql {

// A scalar argument: one value for all steps, or one a step.
struct ScalarColumn {
  std::span<const double> values;
  [[nodiscard]] double at(std::size_t step) const {
    return values.size() == 1 ? values[0] : values[step];
  }
};

struct RangeInput {
  SampleSlice samples;  // of one series; without stale markers
  WindowTimes windows;
  std::span<const ScalarColumn> parameters;  // the function's scalar arguments in their order
  Budget* budget = nullptr;                  // looked at now and then and charged, if given
};

// Fills `out`, one value a step; kAbsent where the window holds too few samples. For every function
// of one range vector but absent_over_time. Throws Stop for parameters out of range.
void range_function(FunctionId function, const RangeInput& input, std::span<double> out);
// The part of it that looks at a window's values without their times.
void values_function(FunctionId function, const RangeInput& input, std::span<double> out);

// What rate, increase and delta make of the first and last sample of a window and the (reset
// corrected) difference between them.
struct Extrapolation {
  std::int64_t first_ms = 0, last_ms = 0;
  std::int64_t count = 0;  // of samples, >= 2
  double first = 0;
  double difference = 0;
};
double extrapolated(const Extrapolation& samples, TimeSpan window, FunctionId function);

// The first place at or behind `from` whose time is later than `time_ms`. Steps are mostly alike:
// what it was ahead of `from` the last time is tried first. `times` rise.
inline std::size_t first_later(std::span<const std::int64_t> times, std::size_t from,
                               std::int64_t time_ms, std::size_t& ahead) {
  constexpr std::size_t kWorthALeap = 8;
  std::size_t at = from;
  if (ahead >= kWorthALeap && times.size() - from >= ahead) {
    const std::size_t leap = from + ahead - 2;  // a little short, as distances vary by one
    if (times[leap] <= time_ms) at = leap + 1;
  }
  while (at < times.size() && times[at] <= time_ms) ++at;
  ahead = at - from;
  return at;
}

// Calls f(step, begin, end) for each step whose window holds the samples [begin, end), begin < end.
template <typename Function>
void slide(const RangeInput& input, const Function& f) {
  const auto times = input.samples.times_ms;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t begin_ahead = 0;
  std::size_t end_ahead = 0;
  Pace pace(input.budget);
  for (std::size_t step = 0; step < input.windows.grid.steps; ++step) {
    const std::int64_t last_ms = input.windows.end(step);
    const std::int64_t before_ms = last_ms - input.windows.range_ms;
    end = first_later(times, end, last_ms, end_ahead);
    begin = first_later(times.first(end), begin, before_ms, begin_ahead);
    pace.spend(1 + end - begin);
    if (begin < end) f(step, begin, end);
  }
}

}  // namespace volta::promql
