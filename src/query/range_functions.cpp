#include "query/range_functions.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "query/numeric.hpp"

namespace volta::promql {
namespace {

double seconds(std::int64_t ms) { return static_cast<double>(ms) / 1000; }

// Whether any value is less than the one before it. Two at a time and by hand: of comparisons that
// could trap gcc 12 makes no vectors.
bool any_drop(std::span<const double> values) {
  using Pair = double __attribute__((vector_size(2 * sizeof(double))));
  using Marks = std::int64_t __attribute__((vector_size(2 * sizeof(std::int64_t))));
  Marks found{};
  std::size_t i = 1;
  for (; i + 1 < values.size(); i += 2) {
    Pair now, before;
    std::memcpy(&now, &values[i], sizeof now);
    std::memcpy(&before, &values[i - 1], sizeof before);
    found |= now < before;
  }
  bool last = false;
  for (; i < values.size(); ++i) last = values[i] < values[i - 1];
  return last || (found[0] | found[1]) != 0;
}

// Rises of a counter within windows: the drops of the whole series are found once, then windows
// only look at those inside them.
class Resets {
 public:
  Resets(std::span<const double> values, bool no_drop, Budget* budget)
      : values_(values), drops_(budget) {
    if (no_drop) return;
    // Drops are rare: blocks without one are looked at several values at a time.
    constexpr std::size_t kBlock = 256;
    for (std::size_t from = 1; from < values.size(); from += kBlock) {
      const std::size_t to = std::min(from + kBlock, values.size());
      const bool drops = any_drop(values.subspan(from - 1, to - from + 1));
      for (std::size_t i = from; drops && i < to; ++i) {
        if (values[i] < values[i - 1]) drops_.push_back(i);
      }
    }
  }
  // [begin, end): both only grow from call to call.
  double increase(std::size_t begin, std::size_t end) {
    while (next_ < drops_.size() && drops_[next_] <= begin) ++next_;
    double total = values_[end - 1] - values_[begin];
    for (std::size_t i = next_; i < drops_.size() && drops_[i] < end; ++i) {
      total += values_[drops_[i] - 1];
    }
    return total;
  }

 private:
  std::span<const double> values_;
  ChargedVector<std::size_t> drops_;  // places whose value is less than the one before
  std::size_t next_ = 0;
};

void extrapolated_function(FunctionId function, const RangeInput& input, std::span<double> out) {
  const auto times = input.samples.times_ms;
  const auto values = input.samples.values;
  // A difference takes no notice of drops.
  const bool no_drop = input.samples.known.no_drop || function == FunctionId::delta;
  Resets resets(values, no_drop, input.budget);
  slide(input, [&](std::size_t step, std::size_t begin, std::size_t end) {
    if (end - begin < 2) return;
    Extrapolation samples;
    samples.first_ms = times[begin];
    samples.last_ms = times[end - 1];
    samples.count = static_cast<std::int64_t>(end - begin);
    samples.first = values[begin];
    samples.difference = function == FunctionId::delta ? values[end - 1] - values[begin]
                                                       : resets.increase(begin, end);
    const std::int64_t end_ms = input.windows.end(step);
    out[step] = extrapolated(samples, {end_ms - input.windows.range_ms, end_ms}, function);
  });
}

// irate and idelta: of the last two samples.
void instant_function(FunctionId function, const RangeInput& input, std::span<double> out) {
  const auto times = input.samples.times_ms;
  const auto values = input.samples.values;
  const bool is_rate = function == FunctionId::irate;
  slide(input, [&](std::size_t step, std::size_t begin, std::size_t end) {
    if (end - begin < 2) return;
    const double last = values[end - 1];
    const double before = values[end - 2];
    const double difference = is_rate && last < before ? last : last - before;
    out[step] = is_rate ? difference / seconds(times[end - 1] - times[end - 2]) : difference;
  });
}

struct Line {
  double slope = 0;
  double intercept = 0;
};

// Least squares; `origin_ms` is where x is zero.
Line regression(std::span<const std::int64_t> times, std::span<const double> values,
                std::int64_t origin_ms) {
  const bool constant =
      std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
  if (constant) {
    if (std::isinf(values[0])) return {kNaN, kNaN};
    return {0, values[0]};
  }
  KahanSum x_sum, y_sum, xy_sum, x2_sum;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = seconds(times[i] - origin_ms);
    x_sum.add(x);
    y_sum.add(values[i]);
    xy_sum.add(x * values[i]);
    x2_sum.add(x * x);
  }
  const auto n = static_cast<double>(values.size());
  const double covariance = xy_sum.value() - x_sum.value() * y_sum.value() / n;
  const double variance = x2_sum.value() - x_sum.value() * x_sum.value() / n;
  const double slope = covariance / variance;
  return {slope, y_sum.value() / n - slope * x_sum.value() / n};
}

void regression_function(FunctionId function, const RangeInput& input, std::span<double> out) {
  const auto times = input.samples.times_ms;
  const auto values = input.samples.values;
  slide(input, [&](std::size_t step, std::size_t begin, std::size_t end) {
    const std::size_t count = end - begin;
    if (count < 2) return;
    const bool predicts = function == FunctionId::predict_linear;
    const std::int64_t origin_ms = predicts ? input.windows.grid.time(step) : times[begin];
    const Line line =
        regression(times.subspan(begin, count), values.subspan(begin, count), origin_ms);
    out[step] = predicts ? line.slope * input.parameters[0].at(step) + line.intercept : line.slope;
  });
}

void check_factor(const char* which, const char* symbol, double factor) {
  // NaN is let through, as by Prometheus; what is smoothed by it is NaN.
  if (!(factor <= 0 || factor >= 1)) return;
  char text[128];
  std::snprintf(text, sizeof text, "invalid %s factor. Expected: 0 < %s < 1, got: %f", which,
                symbol, factor);
  throw Stop(text);
}

void smoothing_function(const RangeInput& input, std::span<double> out) {
  const auto values = input.samples.values;
  slide(input, [&](std::size_t step, std::size_t begin, std::size_t end) {
    const double smoothing = input.parameters[0].at(step);
    const double trending = input.parameters[1].at(step);
    check_factor("smoothing", "sf", smoothing);
    check_factor("trend", "tf", trending);
    if (end - begin < 2) return;
    double before = 0;
    double now = values[begin];
    double trend = values[begin + 1] - values[begin];
    for (std::size_t i = begin + 1; i < end; ++i) {
      const double share = smoothing * values[i];
      if (i > begin + 1) trend = trending * (now - before) + (1 - trending) * trend;
      const double rest = (1 - smoothing) * (now + trend);
      before = now;
      now = share + rest;
    }
    out[step] = now;
  });
}

// changes and resets: pairs of neighbours that differ, or fall.
void pairs_function(FunctionId function, const RangeInput& input, std::span<double> out) {
  const auto values = input.samples.values;
  const bool falls = function == FunctionId::resets;
  ChargedVector<std::size_t> places(input.budget);  // of the later one of each such pair
  for (std::size_t i = 1; i < values.size(); ++i) {
    const double a = values[i - 1];
    const double b = values[i];
    if (falls ? b < a : b != a && !(std::isnan(a) && std::isnan(b))) places.push_back(i);
  }
  std::size_t first = 0;
  std::size_t last = 0;
  slide(input, [&](std::size_t step, std::size_t begin, std::size_t end) {
    while (first < places.size() && places[first] <= begin) ++first;
    while (last < places.size() && places[last] < end) ++last;
    out[step] = static_cast<double>(last > first ? last - first : 0);
  });
}

}  // namespace

double extrapolated(const Extrapolation& samples, TimeSpan window, FunctionId function) {
  const double sampled = seconds(samples.last_ms - samples.first_ms);
  const double distance = sampled / static_cast<double>(samples.count - 1);
  const double threshold = distance * 1.1;
  double to_start = seconds(samples.first_ms - window.start_ms);
  double to_end = seconds(window.end_ms - samples.last_ms);
  if (to_start >= threshold) to_start = distance / 2;
  if (function != FunctionId::delta && samples.difference > 0 && samples.first >= 0) {
    // A counter is not extrapolated below zero.
    to_start = std::min(to_start, sampled * (samples.first / samples.difference));
  }
  if (to_end >= threshold) to_end = distance / 2;
  double factor = (sampled + to_start + to_end) / sampled;
  if (function == FunctionId::rate) factor /= seconds(window.end_ms - window.start_ms);
  return samples.difference * factor;
}

void range_function(FunctionId function, const RangeInput& input, std::span<double> out) {
  switch (function) {
    case FunctionId::rate:
    case FunctionId::increase:
    case FunctionId::delta:
      return extrapolated_function(function, input, out);
    case FunctionId::irate:
    case FunctionId::idelta:
      return instant_function(function, input, out);
    case FunctionId::deriv:
    case FunctionId::predict_linear:
      return regression_function(function, input, out);
    case FunctionId::double_exponential_smoothing:
      return smoothing_function(input, out);
    case FunctionId::changes:
    case FunctionId::resets:
      return pairs_function(function, input, out);
    default:
      return values_function(function, input, out);
  }
}

}  // namespace volta::promql
