// What all subscriptions with the same wishes share: their index and their frames, built once.
//
// The index only grows, so that number i means one series for as long as the group lives.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/live_feed.hpp"

namespace volta {

struct LiveWishes {
  std::vector<std::string> names;  // globs
  std::int64_t interval_ms = 1000;
  bool rates = false;  // counters as per-second rates
  auto operator<=>(const LiveWishes&) const =
      default;  // NOLINT(modernize-use-nullptr): of the compiler's
};

// Messages here lack their beginning `{"op":"...","id":"..."`: see `live.cpp`. One thread at a
// time.
class LiveGroup {
 public:
  explicit LiveGroup(LiveWishes wishes) : wishes_(std::move(wishes)) {}

  // Takes in the feed's series that are new to it. True if the index grew.
  bool grow(const LiveFeed& feed);
  // `,"index":[...]}` from entry `from` on.
  [[nodiscard]] std::string index_tail(std::size_t from) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // More series fit the names than a client's queue (1 MiB) could take in: the rest is not shown.
  [[nodiscard]] bool truncated() const { return truncated_; }

  // A new interval has begun since the last frame. Intervals are multiples of their length by the
  // clock (a tenth of it is forgiven: ticks jitter).
  [[nodiscard]] bool due(const LiveFeed& feed) const;
  // `,"ts":..,"i":[..],"v":[..]}` with what is new since the last frame; empty: nothing is.
  std::optional<std::string> frame_tail(const LiveFeed& feed);
  // The same with all that the group has shown so far, for who joins it now.
  [[nodiscard]] std::optional<std::string> whole_tail() const;

  static constexpr std::size_t kMostIndexed = 5000;
  static constexpr std::size_t kMostIndexBytes = 512U << 10U;

 private:
  struct Entry {
    std::size_t place = 0;  // in the feed
    std::shared_ptr<const SeriesRecord> record;
    bool as_rate = false;
    std::uint64_t version = 0;  // of the sample last shown; 0: none
    std::int64_t time_ms = 0;   // that sample, from which the next rate counts
    double value = 0;
    std::optional<double> shown;
  };
  void refresh(Entry& entry, const FeedSeries& newest) const;
  [[nodiscard]] std::string tail(const std::vector<std::size_t>& which) const;

  LiveWishes wishes_;
  std::vector<Entry> entries_;
  std::size_t looked_at_ = 0;  // so many of the feed's series
  std::optional<std::int64_t> shown_ms_;
  std::size_t index_bytes_ = 0;
  bool truncated_ = false;
};

}  // namespace volta
