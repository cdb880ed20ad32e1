// Committed samples in the order of their commits, for who passes them on to another store. The
// store implements it; remote write senders in prom/ read it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/sample_sink.hpp"

namespace volta {

// Of one row. Default: before everything.
struct ForwardPosition {
  std::uint64_t commit = 0;  // rising, with gaps
  std::uint32_t row = 0;     // within the commit

  // NOLINTNEXTLINE(modernize-use-nullptr): of the compiler's
  friend auto operator<=>(const ForwardPosition&, const ForwardPosition&) = default;
};

// Some samples of one series that came in with one commit: at most kMostRowSamples, more are
// several rows.
struct ForwardRow {
  static constexpr std::size_t kMostRowSamples = 1'000;
  ForwardPosition position;
  LabeledSamples samples;  // a host's series with its label `host`
};

// Thread-safe.
class ForwardLog {
 public:
  virtual ~ForwardLog() = default;
  // The rows behind `after`, in order, of about `most_samples` in all; at least one if there is
  // one. A position names the same row, bit for bit, for as long as it is kept. Throws Failure
  // where the disk fails.
  [[nodiscard]] virtual std::vector<ForwardRow> read_after(ForwardPosition after,
                                                           std::size_t most_samples) const = 0;
  // The last row that was committed, or a position between it and the next. Cheap.
  [[nodiscard]] virtual ForwardPosition newest() const = 0;
  // The last row that retention has taken: who stands before it missed something, though not
  // necessarily everything up to there. Cheap.
  [[nodiscard]] virtual ForwardPosition forgotten() const = 0;

  // What a reader keeps to go on after a restart: some hundred bytes of its own choice. Durable
  // when save() returns. Rows up to `done` it does not need any more; the others are kept for it as
  // long as there is room. Throw Failure where the disk fails.
  [[nodiscard]] virtual std::string load(std::string_view reader) const = 0;  // "": nothing yet
  virtual void save(std::string_view reader, std::string_view state, ForwardPosition done) = 0;
};

}  // namespace volta
