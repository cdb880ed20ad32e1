#include "app/future_counter.hpp"

#include <algorithm>

#include "model/metric_ids.hpp"

namespace volta {
namespace {

// As of agents' batches (fleet/connected_agent.cpp).
constexpr std::int64_t kAheadMs = 5LL * 60'000;

std::size_t count_after(std::span<const std::int64_t> times_ms, std::int64_t latest_ms) {
  if (times_ms.empty() || times_ms.back() <= latest_ms) return 0;
  return static_cast<std::size_t>(times_ms.end() -
                                  std::upper_bound(times_ms.begin(), times_ms.end(), latest_ms));
}

}  // namespace

WriteOutcome FutureCounter::write(std::span<const LabeledSamples> series) {
  const std::int64_t latest_ms = clock_.wall_ms() + kAheadMs;
  std::size_t ahead = 0;
  for (const LabeledSamples& one : series) ahead += count_after(one.times_ms, latest_ms);
  return count(next_.write(series), ahead);
}

WriteOutcome FutureCounter::write_keyed(const KeyedSamples& samples) {
  const std::int64_t latest_ms = clock_.wall_ms() + kAheadMs;
  const std::span times_ms(samples.times_ms);
  std::size_t ahead = 0;
  for (const KeyedSamples::Series& one : samples.series)
    ahead += count_after(times_ms.subspan(one.first, one.count), latest_ms);
  return count(next_.write_keyed(samples), ahead);
}

WriteOutcome FutureCounter::count(WriteOutcome outcome, std::size_t ahead) {
  if (outcome.state == WriteState::committed) future_ += ahead - std::min(ahead, outcome.refused);
  return outcome;
}

void FutureCounter::append_to(std::vector<MetricFamily>& families) const {
  families.push_back(family(metrics::server_future_samples_total));
  families.back().samples.push_back({{}, static_cast<double>(future_.load())});
}

}  // namespace volta
