#include "model/sample_sink.hpp"

namespace volta {

WriteOutcome SampleSink::write_keyed(const KeyedSamples& samples) {
  std::vector<LabeledSamples> series;
  WriteOutcome refused;
  for (const KeyedSamples::Series& one : samples.series) {
    auto labels = samples.labels(one.key);
    if (!labels) {
      if (refused.why.empty()) refused.why = labels.error().text;
      refused.refused += one.count;
      if (one.count == 0) ++refused.refused_empty;
      continue;
    }
    if (one.count == 0) continue;
    const auto times = std::span(samples.times_ms).subspan(one.first, one.count);
    const auto values = std::span(samples.values).subspan(one.first, one.count);
    series.push_back(
        {*std::move(labels), {times.begin(), times.end()}, {values.begin(), values.end()}});
  }
  if (series.empty()) return refused;
  WriteOutcome outcome = write(series);
  outcome.refused += refused.refused;
  outcome.refused_empty += refused.refused_empty;
  if (outcome.why.empty()) outcome.why = std::move(refused.why);
  return outcome;
}

}  // namespace volta
