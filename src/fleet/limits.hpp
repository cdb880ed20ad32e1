// How much one host may send, over all its links.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <span>

#include "base/clock.hpp"
#include "fleet/seen_series.hpp"
#include "model/store.hpp"

namespace volta {

struct IngestOptions {
  // Different series that the store has of one host; samples of more are left out. A series that an
  // agent defines anew in another form (unit, type ...) counts once more, within twice this.
  std::size_t most_series = 20'000;
  // Per host. An agent sends one batch a second at most, but may have some minutes to make up for.
  double batches_per_second = 100;
  double batch_burst = 400;
  // Agents come from other servers and go to them: what a run lacks when its link opens is there.
  bool of_group = false;
};

// Safe from any thread.
class HostLimits {
 public:
  // `stored`: the series that the host has already.
  HostLimits(const IngestOptions& options, const Clock& clock,
             std::span<const SeriesRecord> stored = {});
  // 0: go on. Else the batch is too much now; how long to wait.
  std::chrono::milliseconds take_batch();
  // False: this series would be one too many.
  bool admit(const SeriesDef& series);
  // Begins to count anew: series that the store has deleted since make room.
  void recount(std::span<const SeriesRecord> stored);

 private:
  const IngestOptions options_;
  const Clock& clock_;
  std::mutex mutex_;  // guards all below
  double tokens_;
  std::chrono::nanoseconds filled_at_;
  SeenSeries seen_;  // names: most_series, or as many as were stored under another limit; of forms
                     // at most twice as many
};

}  // namespace volta
