// Where samples go that come with all their labels: remote write, scrapes, imports, text files.
// Their series belong to no host and keep exactly the labels they came with.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/time_series.hpp"

namespace volta {

// Samples of one series, float64 bit for bit (stale markers and other NaNs too).
struct LabeledSamples {
  std::shared_ptr<const Labels>
      labels;                          // sorted by name, unique, none empty, `__name__` among them
  std::vector<std::int64_t> times_ms;  // rising, unix
  std::vector<double> values;          // as many
};

// Samples of many series in columns, as a request brought them. Each series is said by a key: bytes
// that hold its labels. Senders repeat themselves, so whoever remembers what a key meant need not
// look at the labels again.
struct KeyedSamples {
  struct Series {
    std::string_view key;     // equal keys have equal labels; the reverse need not hold
    std::uint32_t first = 0;  // of its samples, in both columns
    std::uint32_t count = 0;
  };
  std::vector<Series> series;          // one may stand in it twice
  std::vector<std::int64_t> times_ms;  // of each series rising, unix
  std::vector<double> values;          // as many
  // What a key says, as LabeledSamples has it. An Error: why such a series is refused.
  std::function<Result<std::shared_ptr<const Labels>>(std::string_view key)> labels;
};

enum class WriteState : std::uint8_t {
  committed,  // durable; of the whole or, with refused > 0, of the rest
  busy,       // nothing was taken: the queue is full or the disk is; again later
  failed      // nothing was taken
};

struct WriteOutcome {
  WriteState state = WriteState::committed;
  std::size_t written = 0;        // samples, those that were there already among them
  std::size_t refused = 0;        // samples of series that were refused
  std::string why;                // of the first refusal: a bad label, the limit of series
  std::size_t refused_empty = 0;  // series that were refused and had no samples
};

class SampleSink {
 public:
  virtual ~SampleSink() = default;
  // Blocks until the samples are committed (synchronous=FULL) or refused. Any thread. Samples may
  // be older than what is there, out of order and repeated; of two for one time the last accepted
  // wins.
  virtual WriteOutcome write(std::span<const LabeledSamples> series) = 0;
  // The same; series whose key says no labels are refused, also those without samples: a sender is
  // to hear of what it says wrong, whenever it says it. By default what write() makes of all
  // labels, each time.
  virtual WriteOutcome write_keyed(const KeyedSamples& samples);
  // Type, help and unit of metrics, for metadata(). Best effort; the last word of a name wins.
  virtual void describe(std::span<const MetricMetadata> metrics) = 0;
};

}  // namespace volta
