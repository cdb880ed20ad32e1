// Where samples go that come with all their labels: remote write, scrapes, imports, text files.
// Their series belong to no host and keep exactly the labels they came with.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/time_series.hpp"

namespace volta {

// Samples of one series, float64 bit for bit (stale markers and other NaNs too).
struct LabeledSamples {
  std::shared_ptr<const Labels>
      labels;                          // sorted by name, unique, none empty, `__name__` among them
  std::vector<std::int64_t> times_ms;  // rising, unix
  std::vector<double> values;          // as many
};

enum class WriteState : std::uint8_t {
  committed,  // durable; of the whole or, with refused > 0, of the rest
  busy,       // nothing was taken: the queue is full or the disk is; again later
  failed      // nothing was taken
};

struct WriteOutcome {
  WriteState state = WriteState::committed;
  std::size_t written = 0;  // samples, those that were there already among them
  std::size_t refused = 0;  // samples of series that were refused
  std::string why;          // of the first refusal: a bad label, the limit of series
};

class SampleSink {
 public:
  virtual ~SampleSink() = default;
  // Blocks until the samples are committed (synchronous=FULL) or refused. Any thread. Samples may
  // be older than what is there, out of order and repeated; of two for one time the last accepted
  // wins.
  virtual WriteOutcome write(std::span<const LabeledSamples> series) = 0;
  // Type, help and unit of metrics, for metadata(). Best effort; the last word of a name wins.
  virtual void describe(std::span<const MetricMetadata> metrics) = 0;
};

}  // namespace volta
