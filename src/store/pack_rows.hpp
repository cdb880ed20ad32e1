// The rows of the table `pack`, and of `seal`, which says how far a window is sealed
// (schema/store/0003_packs.sql).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/time_series.hpp"
#include "store/pack.hpp"
#include "store/sqlite.hpp"

namespace volta {

// Of raw windows. A time belongs to the window (end - kWindowMs, end] with end = window_end_ms().
constexpr std::int64_t kWindowMs = 3'600'000;
// Of rows of tiers, the longest.
constexpr std::int64_t kLongestSpanMs = 30LL * 24 * kWindowMs;

struct PackRow {
  std::int64_t id = 0;  // 0: not stored yet
  Tier tier = Tier::raw;
  HostId host{};
  std::int64_t end_ms = 0;
  std::int64_t span_ms = kWindowMs;
  std::int64_t accepted = 0;
  SeriesId first_series{};
  SeriesId last_series{};
  std::int64_t samples = 0;
  std::int64_t min_ms = 0;
};

struct NewPack {
  PackRow row;
  Bytes data;
};

void insert_pack(Connection& connection, const NewPack& pack);
// Of a query for "id, tier, host_id, end_ms, span_ms, accepted, first_series, last_series, samples,
// min_ms" and then what the caller likes.
PackRow read_pack_row(const Query& query);

// What readers found broken. A pack whose head is broken is passed over until the sealer moves it
// to `bad_pack`. Of one with a broken column only that column is left out, and it stays where it
// is. Thread-safe.
class BadPacks {
 public:
  void report(const PackRow& row, const std::string& reason);  // logs it the first time
  // The same, but nothing more than this comes of it: whoever meets the column again leaves it out.
  void report_column(const PackRow& row, SeriesId series, const std::string& reason);
  // Whether it is a pack whose head is broken.
  [[nodiscard]] bool known(std::int64_t id) const;
  [[nodiscard]] std::map<std::int64_t, std::string> take();
  void give_back(const std::map<std::int64_t, std::string>& taken);  // they could not be moved
  // Packs of samples of the window that columns were reported of, and why.
  [[nodiscard]] std::map<std::int64_t, std::string> with_columns(std::int64_t end_ms) const;
  [[nodiscard]] std::uint64_t met() const { return packs_met_ + columns_met_; }  // each once
  [[nodiscard]] std::uint64_t packs_met() const { return packs_met_; }

 private:
  mutable std::mutex mutex_;
  std::set<std::int64_t> known_;
  std::set<std::pair<std::int64_t, SeriesId>> columns_;  // that were logged
  std::map<std::int64_t, std::string> fresh_;
  struct WithColumns {
    std::int64_t end_ms = 0;
    std::string reason;
  };
  std::map<std::int64_t, WithColumns> with_columns_;  // packs of samples
  std::atomic<std::uint64_t> packs_met_{0};
  std::atomic<std::uint64_t> columns_met_{0};
};

// Moves a pack out of the way; nothing happens if it is gone. The writer's.
void quarantine(Connection& connection, std::int64_t id, const std::string& reason,
                std::int64_t now_ms);

struct OpenPack {
  const PackRow& row;
  const Pack& pack;
  std::span<const std::byte> bytes;
};

// Which packs of a tier and host: those that overlap the ends' windows and the range of series.
struct PackRange {
  Tier tier = Tier::raw;
  HostId host{};
  TimeSpan ends;  // of windows
  SeriesId first_series{};
  SeriesId last_series{UINT32_MAX};
};

// Opens the packs one by one, in the order of their ends, then accepted. Broken ones are reported
// and passed over. The read transaction ends after each few packs.
void visit_packs(Connection& connection, const PackRange& range, BadPacks& bad,
                 const std::function<void(const OpenPack&)>& visit);

// One column's bytes within the pack's.
std::span<const std::byte> column_bytes(const OpenPack& open, const PackEntry& entry);

// How far windows of a host are sealed, by their ends.
class SealMarks {
 public:
  // Windows with an end in the span.
  static SealMarks read(Connection& connection, HostId host, TimeSpan ends);

  // What window `end_ms` is sealed up to; 0: it is not sealed.
  [[nodiscard]] std::int64_t accepted(std::int64_t end_ms) const;
  // Whether packs have what a journal row that was accepted then says of this time.
  [[nodiscard]] bool covers(std::int64_t time_ms, std::int64_t accepted) const;

 private:
  std::map<std::int64_t, std::int64_t> marks_;
};

// The ends of the windows that the span reaches into.
TimeSpan windows_of_span(TimeSpan span);

// The time before the window; its samples lie after it.
constexpr std::int64_t window_start_ms(std::int64_t end_ms) {
  return end_ms < INT64_MIN + kWindowMs ? INT64_MIN : end_ms - kWindowMs;
}

}  // namespace volta
