// Takes foreign samples: names their series, encodes them on the caller's thread, and waits for the
// group commit that holds them.
#pragma once

#include "base/clock.hpp"
#include "model/sample_sink.hpp"
#include "store/foreign_labels.hpp"
#include "store/metric_notes.hpp"
#include "store/writer.hpp"

namespace volta {

// Thread-safe; so many calls at once share a commit.
class ForeignSink final : public SampleSink {
 public:
  ForeignSink(const Clock& clock, SeriesTable& series, MetricNotes& notes, Writer& writer)
      : clock_(clock), series_(series), notes_(notes), writer_(writer), cache_(series) {}

  // A very large request is committed in parts; where a later one is not taken, the answer is that
  // nothing was, and the repeat of the first parts changes nothing.
  WriteOutcome write(std::span<const LabeledSamples> series) override;
  void describe(std::span<const MetricMetadata> metrics) override { notes_.add(metrics); }

 private:
  struct Place {
    SeriesId id;
    std::uint32_t at;  // in what was asked
  };
  // Those that may be written, by id, then as they came.
  std::vector<Place> resolve(std::span<const LabeledSamples> series, WriteOutcome& outcome);
  WriteState commit(std::span<const LabeledSamples> series, const std::vector<Place>& places,
                    std::uint64_t forgotten);
  WriteState hand_over(ForeignEntry entry);

  const Clock& clock_;
  SeriesTable& series_;
  MetricNotes& notes_;
  Writer& writer_;
  ForeignSeriesCache cache_;
};

}  // namespace volta
