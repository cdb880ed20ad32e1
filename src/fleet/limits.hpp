// How much one host may send, over all its links.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

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

// The limits of each host that came so far. Not safe from several threads.
class LimitsOfHosts {
 public:
  LimitsOfHosts(const IngestOptions& options, const Clock& clock, const HostDirectory& directory)
      : options_(options), clock_(clock), directory_(directory) {}
  // `stored`: the series that the host has, counted anew where nobody else holds its limits; null:
  // they are counted from nothing, once.
  std::shared_ptr<HostLimits> of(HostId host, const std::vector<SeriesRecord>* stored);
  [[nodiscard]] std::size_t size() const { return limits_.size(); }

 private:
  void forget_removed();

  const IngestOptions options_;
  const Clock& clock_;
  const HostDirectory& directory_;
  std::map<HostId, std::shared_ptr<HostLimits>> limits_;
  std::size_t sweep_at_ =
      64;  // those of hosts that were removed are taken out when there are so many
};

}  // namespace volta
