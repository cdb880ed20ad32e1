// Takes foreign samples: names their series, encodes them on the caller's thread, and waits for the
// group commit that holds them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "model/sample_sink.hpp"
#include "store/foreign_keys.hpp"
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
  WriteOutcome write_keyed(const KeyedSamples& samples) override;
  void describe(std::span<const MetricMetadata> metrics) override { notes_.add(metrics); }

 private:
  // What may be written of one series.
  struct Place {
    SeriesId id;
    std::span<const std::int64_t> times_ms;
    std::span<const double> values;
  };
  using Places = std::vector<Place>;
  // Names what there is to write, and is called again where a name did not last.
  WriteOutcome write_places(const std::function<Places(WriteOutcome&)>& find);
  // Both answer by id, then as they came.
  Places resolve(std::span<const LabeledSamples> series, WriteOutcome& outcome);
  Places resolve_keyed(const KeyedSamples& samples, WriteOutcome& outcome);
  // Of a key that was not met before; SeriesId{}: refused.
  SeriesId resolve_labels(const KeyedSamples& samples, const KeyedSamples::Series& one,
                          WriteOutcome& outcome);
  static void check_labels(const KeyedSamples& samples, const KeyedSamples::Series& one,
                           WriteOutcome& outcome);
  WriteState commit(const Places& places, std::uint64_t forgotten);
  std::unique_ptr<ForeignRowCodec> take_codec();
  void give_back(std::unique_ptr<ForeignRowCodec> codec);
  WriteState hand_over(ForeignEntry entry);

  const Clock& clock_;
  SeriesTable& series_;
  MetricNotes& notes_;
  Writer& writer_;
  ForeignSeriesCache cache_;
  ForeignKeys keys_;
  std::mutex codecs_mutex_;
  std::vector<std::unique_ptr<ForeignRowCodec>> codecs_;  // idle; as many as wrote at once
};

}  // namespace volta
