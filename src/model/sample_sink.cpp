#include "model/sample_sink.hpp"

namespace volta {

WriteOutcome SampleSink::write_keyed(const KeyedSamples& samples) {
  std::vector<LabeledSamples> series;
  WriteOutcome refused;
  for (const KeyedSamples::Series& one : samples.series) {
    if (one.count == 0) continue;
    auto labels = samples.labels(one.key);
    if (!labels) {
      if (refused.refused == 0) refused.why = labels.error().text;
      refused.refused += one.count;
      continue;
    }
    const auto times = std::span(samples.times_ms).subspan(one.first, one.count);
    const auto values = std::span(samples.values).subspan(one.first, one.count);
    series.push_back(
        {*std::move(labels), {times.begin(), times.end()}, {values.begin(), values.end()}});
  }
  if (series.empty()) return refused;
  WriteOutcome outcome = write(series);
  outcome.refused += refused.refused;
  if (outcome.why.empty()) outcome.why = std::move(refused.why);
  return outcome;
}

}  // namespace volta
