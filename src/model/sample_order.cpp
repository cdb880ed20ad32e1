#include "model/sample_order.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace volta {

void put_in_order(LabeledSamples& samples) {
  const auto& times = samples.times_ms;
  if (std::adjacent_find(times.begin(), times.end(), std::greater_equal<>()) == times.end()) return;
  std::vector<std::size_t> order(times.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return times[a] < times[b]; });
  LabeledSamples sorted{samples.labels, {}, {}};
  for (const std::size_t i : order) {
    if (!sorted.times_ms.empty() && sorted.times_ms.back() == times[i]) {
      sorted.values.back() = samples.values[i];
      continue;
    }
    sorted.times_ms.push_back(times[i]);
    sorted.values.push_back(samples.values[i]);
  }
  samples = std::move(sorted);
}

void put_in_order(std::vector<std::int64_t>& times_ms, std::vector<double>& values,
                  std::size_t first) {
  const auto times = times_ms.begin() + static_cast<std::ptrdiff_t>(first);
  const bool rising =
      std::adjacent_find(times, times_ms.end(), std::greater_equal<>()) == times_ms.end();
  if (rising) return;
  LabeledSamples end{nullptr,
                     {times, times_ms.end()},
                     {values.begin() + static_cast<std::ptrdiff_t>(first), values.end()}};
  put_in_order(end);
  times_ms.resize(first);
  values.resize(first);
  times_ms.insert(times_ms.end(), end.times_ms.begin(), end.times_ms.end());
  values.insert(values.end(), end.values.begin(), end.values.end());
}

}  // namespace volta
