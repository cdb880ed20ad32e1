// The newest samples of one host that somebody watches.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/store.hpp"

namespace volta {

// What is kept of a batch for the live stream: of each series its newest sample in it.
struct LiveSample {
  std::shared_ptr<const SeriesRecord> record;
  std::int64_t time_ms = 0;
  double value = 0;
};
struct LiveBatch {
  HostId host{};
  std::int64_t last_ms = 0;  // time of its last tick
  std::vector<LiveSample> samples;
};

// A batch of many ticks becomes one frame: its last values. The ticks before them are in the store
// by the time a page asks for what it missed, and sent one by one they would only replace each
// other in the client's latest-wins queue.
LiveBatch newest_of(HostId host, const DecodedBatch& batch,
                    std::span<const std::shared_ptr<const SeriesRecord>> series);

struct FeedSeries {
  std::shared_ptr<const SeriesRecord> record;
  std::uint64_t version = 0;  // grows with each sample; 0: none yet
  std::int64_t time_ms = 0;
  double value = 0;
  std::optional<double> rate;  // per second over the last two samples; counters only
};

// One thread at a time.
class LiveFeed {
 public:
  // Takes in what the store knows. Samples that came live meanwhile are newer and stay.
  void seed(std::span<const SeriesRecord> records, std::span<const LatestSample> newest);

  // False for a batch of the past (an old run that drains beside the live one). A clock that went
  // back looks the same; so if nothing was newer for 15 s, the past is the present.
  bool take(const LiveBatch& batch, std::chrono::nanoseconds now);

  // In the order in which they became known; only ever appended to.
  [[nodiscard]] std::span<const FeedSeries> series() const { return series_; }
  [[nodiscard]] std::int64_t last_ms() const { return last_ms_; }

 private:
  FeedSeries& slot(const std::shared_ptr<const SeriesRecord>& record);

  std::vector<FeedSeries> series_;
  std::unordered_map<std::uint32_t, std::size_t> places_;
  std::int64_t last_ms_ = 0;
  std::optional<std::chrono::nanoseconds> last_taken_;
};

// Growth per second; empty if time stood still or the counter fell (a reset).
std::optional<double> rate_between(std::int64_t from_ms, double from, std::int64_t to_ms,
                                   double to);

}  // namespace volta
