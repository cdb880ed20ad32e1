// Counts the samples that come with all their labels and with a time ahead of the server's, as
// fleet/ counts agents' batches. It takes nothing out: what is too far ahead the store refuses.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "base/clock.hpp"
#include "model/exposition.hpp"
#include "model/sample_sink.hpp"

namespace volta {

// In front of whoever keeps the samples. Thread-safe as that one is.
class FutureCounter final : public SampleSink, public SelfMetrics {
 public:
  FutureCounter(SampleSink& next, const Clock& clock) : next_(next), clock_(clock) {}
  WriteOutcome write(std::span<const LabeledSamples> series) override;
  WriteOutcome write_keyed(const KeyedSamples& samples) override;
  void describe(std::span<const MetricMetadata> metrics) override { next_.describe(metrics); }

  void append_to(std::vector<MetricFamily>& families) const override;

 private:
  // What was refused is taken for what was ahead: that is what it mostly is refused for.
  WriteOutcome count(WriteOutcome outcome, std::size_t ahead);

  SampleSink& next_;
  const Clock& clock_;
  std::atomic<std::uint64_t> future_{0};
};

}  // namespace volta
