// The *_over_time functions.
#include <algorithm>
#include <array>
#include <bit>

#include "base/assert.hpp"
#include "query/numeric.hpp"
#include "query/range_functions.hpp"

namespace volta::promql {
namespace {

using Values = std::span<const double>;

// Windows whose sums are made side by side: one alone would wait for each addition to end.
constexpr std::size_t kSideBySide = 4;

// One value of each such window. Written as vectors, since gcc 12 makes none of plain loops here.
using Lane = double __attribute__((vector_size(2 * sizeof(double))));

// KahanSum's, as far as sum and correction are finite: then nothing on the way was not. What an
// addition lost is exact both here (Knuth) and there, so that all bits are the same.
template <typename Number>
struct ExactSum {
  Number sum{};
  Number correction{};

  void add(Number value) {
    const Number next = sum + value;
    const Number added = next - sum;
    correction += (sum - (next - added)) + (value - added);
    sum = next;
  }
};

KahanSum finished_sum(ExactSum<double> quick, Values rest) {
  for (const double value : rest) quick.add(value);
  return {quick.sum, quick.correction};
}

// Calls f(i, sum) for each window, each summed up in its own order.
template <typename Function>
void sums_side_by_side(const std::array<Values, kSideBySide>& windows, const Function& f) {
  std::size_t common = windows[0].size();
  for (const Values window : windows) common = std::min(common, window.size());
  const auto [a, b, c, d] = windows;
  ExactSum<Lane> first, second;
  for (std::size_t i = 0; i < common; ++i) {
    first.add(Lane{a[i], b[i]});
    second.add(Lane{c[i], d[i]});
  }
  const auto finish = [&](std::size_t i, const ExactSum<Lane>& sums, int lane) {
    f(i, finished_sum({sums.sum[lane], sums.correction[lane]}, windows[i].subspan(common)));
  };
  finish(0, first, 0);
  finish(1, first, 1);
  finish(2, second, 0);
  finish(3, second, 1);
}

bool is_usable(const KahanSum& quick) {
  return std::isfinite(quick.sum) && std::isfinite(quick.correction);
}

double sum_of_window(Values values, const KahanSum& quick) {
  if (is_usable(quick)) return quick.value();
  KahanSum sum;
  for (const double value : values) sum.add(value);
  return std::isinf(sum.sum) ? sum.sum : sum.value();
}

double mean_of_window(Values values, const KahanSum& quick) {
  if (is_usable(quick)) return quick.value() / static_cast<double>(values.size());
  Mean mean;
  for (const double value : values) mean.add(value);
  return mean.value();
}

double variance_of_window(Values values) {
  KahanSum mean, squares;
  double count = 0;
  for (const double value : values) {
    ++count;
    const double delta = value - mean.value();
    mean.add(delta / count);
    squares.add(delta * (value - mean.value()));
  }
  return squares.value() / count;
}

// The median of the distances from the median.
double deviation_of_window(Values window, ChargedVector<double>& scratch) {
  scratch.assign(window);
  const double median = quantile_of(0.5, scratch.items());
  for (double& value : scratch.items()) value = std::abs(value - median);
  return quantile_of(0.5, scratch.items());
}

// Calls f with each window's values.
template <typename Function>
void each_window(const RangeInput& input, std::span<double> out, const Function& f) {
  slide(input, [&](std::size_t step, std::size_t begin, std::size_t end) {
    out[step] = f(input.samples.values.subspan(begin, end - begin));
  });
}

// The same with f(values, what they sum up to).
template <typename Function>
void each_summed_window(const RangeInput& input, std::span<double> out, const Function& f) {
  std::array<Values, kSideBySide> windows;
  std::array<std::size_t, kSideBySide> steps{};
  std::size_t waiting = 0;
  slide(input, [&](std::size_t step, std::size_t begin, std::size_t end) {
    windows[waiting] = input.samples.values.subspan(begin, end - begin);
    steps[waiting] = step;
    if (++waiting < kSideBySide) return;
    sums_side_by_side(
        windows, [&](std::size_t i, const KahanSum& sum) { out[steps[i]] = f(windows[i], sum); });
    waiting = 0;
  });
  for (std::size_t i = 0; i < waiting; ++i) {
    out[steps[i]] = f(windows[i], finished_sum({}, windows[i]));
  }
}

// The least (or largest) of each window in one pass: candidates that a later sample beats are
// forgotten. NaN counts only where there is nothing else.
template <typename Better>
void extreme_of_windows(const RangeInput& input, std::span<double> out, const Better& better) {
  const auto values = input.samples.values;
  ChargedVector<std::size_t> places(input.budget);
  auto& candidates = places.items();  // of which the first `head` left the window
  std::size_t head = 0;
  std::size_t seen = 0;
  slide(input, [&](std::size_t step, std::size_t begin, std::size_t end) {
    for (seen = std::max(seen, begin); seen < end; ++seen) {
      if (std::isnan(values[seen])) continue;
      while (candidates.size() > head && better(values[seen], values[candidates.back()])) {
        candidates.pop_back();
      }
      places.push_back(seen);
    }
    while (head < candidates.size() && candidates[head] < begin) ++head;
    out[step] = head < candidates.size() ? values[candidates[head]] : kNaN;
  });
}

}  // namespace

bool has_nan(std::span<const double> values) {
  constexpr std::size_t kBlock = 1024;
  // By the bits, since compilers take integers several at a time, but no comparisons that could
  // trap: without the sign those of a NaN are more than infinity's, and the addition carries.
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63U;
  constexpr std::uint64_t kBelowSign = kSign - 1 - std::bit_cast<std::uint64_t>(kInfinity);
  for (std::size_t from = 0; from < values.size(); from += kBlock) {
    std::uint64_t found = 0;
    for (const double value : values.subspan(from, std::min(kBlock, values.size() - from))) {
      found |= (std::bit_cast<std::uint64_t>(value) & ~kSign) + kBelowSign;
    }
    if ((found & kSign) != 0) return true;
  }
  return false;
}

double quantile_of(double q, std::vector<double>& values) {
  if (values.empty() || std::isnan(q)) return kNaN;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  const auto less = [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; };
  const double rank = q * static_cast<double>(values.size() - 1);
  const double whole = std::floor(rank);
  const double weight = rank - whole;
  const auto lower = values.begin() + static_cast<std::ptrdiff_t>(whole);
  std::nth_element(values.begin(), lower, values.end(), less);
  const double upper =
      lower + 1 == values.end() ? *lower : *std::min_element(lower + 1, values.end(), less);
  return *lower * (1 - weight) + upper * weight;
}

void values_function(FunctionId function, const RangeInput& input, std::span<double> out) {
  ChargedVector<double> scratch(input.budget);
  switch (function) {
    case FunctionId::avg_over_time:
      return each_summed_window(input, out, mean_of_window);
    case FunctionId::sum_over_time:
      return each_summed_window(input, out, sum_of_window);
    case FunctionId::stdvar_over_time:
      return each_window(input, out, variance_of_window);
    case FunctionId::stddev_over_time:
      return each_window(input, out, [](Values w) { return std::sqrt(variance_of_window(w)); });
    case FunctionId::min_over_time:
      return extreme_of_windows(input, out, std::less_equal<double>{});
    case FunctionId::max_over_time:
      return extreme_of_windows(input, out, std::greater_equal<double>{});
    case FunctionId::count_over_time:
      return each_window(input, out, [](Values w) { return static_cast<double>(w.size()); });
    case FunctionId::last_over_time:
      return each_window(input, out, [](Values w) { return w.back(); });
    case FunctionId::first_over_time:
      return each_window(input, out, [](Values w) { return w.front(); });
    case FunctionId::present_over_time:
      return each_window(input, out, [](Values) { return 1.0; });
    case FunctionId::mad_over_time:
      return each_window(input, out, [&](Values w) { return deviation_of_window(w, scratch); });
    case FunctionId::quantile_over_time:
      return slide(input, [&](std::size_t step, std::size_t begin, std::size_t end) {
        const auto window = input.samples.values.subspan(begin, end - begin);
        scratch.assign(window);
        out[step] = quantile_of(input.parameters[0].at(step), scratch.items());
      });
    default:
      VOLTA_ASSERT(false, "not a function of one range");
  }
}

}  // namespace volta::promql
