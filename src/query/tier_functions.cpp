#include "query/tier_functions.hpp"

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"
#include "query/numeric.hpp"
#include "query/range_functions.hpp"

namespace volta::promql {
namespace {

// Windows [begin, end) of a column.
struct Part {
  const WindowColumn& column;
  std::size_t begin;
  std::size_t end;

  [[nodiscard]] std::span<const double> of(const std::vector<double>& values) const {
    return std::span(values).subspan(begin, end - begin);
  }
  [[nodiscard]] double count() const {
    double total = 0;
    for (std::size_t i = begin; i < end; ++i) total += column.count[i];
    return total;
  }
};

double sum_of(std::span<const double> values) {
  KahanSum sum;
  for (const double value : values) sum.add(value);
  return std::isinf(sum.sum) ? sum.sum : sum.value();
}

// NaN where all are.
double least_of(std::span<const double> values) {
  double best = kNaN;
  for (const double value : values) best = std::fmin(best, value);
  return best;
}
double largest_of(std::span<const double> values) {
  double best = kNaN;
  for (const double value : values) best = std::fmax(best, value);
  return best;
}

// Between the first and the last sample: their difference, and what resets inside windows and
// between them took away.
double increase_of(const Part& part) {
  const WindowColumn& column = part.column;
  double total = column.last[part.end - 1] - column.first[part.begin];
  for (std::size_t i = part.begin; i < part.end; ++i) {
    total += column.increase[i] - (column.last[i] - column.first[i]);
    if (i > part.begin && column.first[i] < column.last[i - 1]) total += column.last[i - 1];
  }
  return total;
}

double extrapolated_of(FunctionId function, const Part& part, TimeSpan window) {
  const WindowColumn& column = part.column;
  const double count = part.count();
  if (count < 2) return kAbsent;
  Extrapolation samples;
  samples.first_ms = column.first_ms[part.begin];
  samples.last_ms = column.last_ms[part.end - 1];
  samples.count = static_cast<std::int64_t>(count);
  samples.first = column.first[part.begin];
  samples.difference =
      function == FunctionId::delta ? column.last[part.end - 1] - samples.first : increase_of(part);
  return extrapolated(samples, window, function);
}

// Of a mean that is not finite: only because doubles end there, and samples may tell more. A NaN
// sample makes its window's sum one without being least or largest; the mean is none, then, and
// stands.
bool overflowed(const Part& part) {
  const auto sums = part.of(part.column.sum);
  return std::isfinite(least_of(part.of(part.column.min))) &&
         std::isfinite(largest_of(part.of(part.column.max))) &&
         std::none_of(sums.begin(), sums.end(), [](double sum) { return std::isnan(sum); });
}

double value_of(FunctionId function, const Part& part, TimeSpan window) {
  const WindowColumn& column = part.column;
  switch (function) {
    case FunctionId::min_over_time:
      return least_of(part.of(column.min));
    case FunctionId::max_over_time:
      return largest_of(part.of(column.max));
    case FunctionId::sum_over_time:
      return sum_of(part.of(column.sum));
    case FunctionId::avg_over_time:
      return sum_of(part.of(column.sum)) / part.count();
    case FunctionId::count_over_time:
      return part.count();
    case FunctionId::present_over_time:
      return 1;
    case FunctionId::first_over_time:
      return column.first[part.begin];
    case FunctionId::last_over_time:
      return column.last[part.end - 1];
    case FunctionId::rate:
    case FunctionId::increase:
    case FunctionId::delta:
      return extrapolated_of(function, part, window);
    default:
      VOLTA_ASSERT(false, "not a function that windows answer");
  }
  return kNaN;
}

bool counts_growth(FunctionId function) {
  return function == FunctionId::rate || function == FunctionId::increase;
}

// A tier keeps the growth of counters; of gauges, and around samples that are no numbers, it has
// none.
bool knows_growth(const Part& part) {
  const auto& increase = part.column.increase;
  return std::none_of(increase.begin() + static_cast<std::ptrdiff_t>(part.begin),
                      increase.begin() + static_cast<std::ptrdiff_t>(part.end),
                      [](double value) { return std::isnan(value); });
}

}  // namespace

WindowFields fields_of(FunctionId function) {
  const bool growth = counts_growth(function);
  const bool averages = function == FunctionId::avg_over_time;  // overflowed() looks at extremes
  WindowFields fields;
  fields.first_and_last = growth || function == FunctionId::delta ||
                          function == FunctionId::first_over_time ||
                          function == FunctionId::last_over_time;
  fields.min_and_max =
      averages || function == FunctionId::min_over_time || function == FunctionId::max_over_time;
  fields.sum = averages || function == FunctionId::sum_over_time;
  fields.increase = growth;
  return fields;
}

bool function_of_windows(FunctionId function, const TierInput& input, std::span<double> out) {
  const auto& ends = input.column.end_ms;
  std::size_t begin = 0;
  std::size_t end = 0;
  for (std::size_t step = 0; step < out.size(); ++step) {
    const std::int64_t last_ms = input.windows.end(step);
    const std::int64_t before_ms = last_ms - input.windows.range_ms;
    while (end < ends.size() && ends[end] <= last_ms) ++end;
    while (begin < end && ends[begin] <= before_ms) ++begin;
    if (begin == end) continue;
    const Part part{input.column, begin, end};
    if (counts_growth(function) && !knows_growth(part)) return false;
    out[step] = value_of(function, part, {before_ms, last_ms});
    if (function == FunctionId::avg_over_time && !std::isfinite(out[step]) && overflowed(part)) {
      return false;
    }
  }
  return true;
}

bool instants_of_windows(const TierInput& input, bool shows_time, std::span<double> out) {
  const WindowColumn& column = input.column;
  std::size_t next = 0;
  for (std::size_t step = 0; step < out.size(); ++step) {
    const std::int64_t end_ms = input.windows.end(step);
    while (next < column.size() && column.end_ms[next] <= end_ms) ++next;
    if (next == 0 || column.end_ms[next - 1] <= end_ms - input.windows.range_ms) continue;
    const std::size_t newest = next - 1;
    if (column.ends_stale[newest] != 0) continue;
    // A stale marker may follow in the windows that have no entry.
    if (column.end_ms[newest] != end_ms && end_ms >= input.samples_from_ms) return false;
    out[step] =
        shows_time ? static_cast<double>(column.last_ms[newest]) / 1000 : column.last[newest];
  }
  return true;
}

void StandInSamples::add(const WindowColumn& column, TimeSpan span) {
  const auto push = [&](std::int64_t time_ms, double value) {
    if (time_ms < span.start_ms || time_ms > span.end_ms) return;
    times_ms.push_back(time_ms);
    values.push_back(value);
  };
  for (std::size_t i = 0; i < column.size(); ++i) {
    push(column.first_ms[i], column.first[i]);
    if (column.last_ms[i] != column.first_ms[i]) push(column.last_ms[i], column.last[i]);
    if (column.ends_stale[i] != 0) {
      push(column.last_ms[i] + 1, std::bit_cast<double>(kStaleBits));
    }
  }
}

void StandInSamples::add(const SampleSlice& samples) {
  times_ms.insert(times_ms.end(), samples.times_ms.begin(), samples.times_ms.end());
  values.insert(values.end(), samples.values.begin(), samples.values.end());
}

}  // namespace volta::promql
