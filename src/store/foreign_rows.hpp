// Rows of the journal of foreign samples, read back: for queries and for sealing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "model/time_series.hpp"
#include "store/foreign_row.hpp"
#include "store/sqlite.hpp"

namespace volta {

// A row without what is in it.
struct ForeignRowSpan {
  std::int64_t id = 0;
  std::int64_t min_ms = 0;  // both are times of samples
  std::int64_t max_ms = 0;
};

// Rows that overlap the span, up to this one, by their ids.
std::vector<ForeignRowSpan> find_foreign_rows(Connection& connection, TimeSpan span,
                                              std::int64_t last);

// The rows that end first, but for those with samples after the cutoff.
std::vector<ForeignRowSpan> oldest_foreign_rows(Connection& connection, std::int64_t cutoff_ms,
                                                std::size_t most);
// Up to which time samples are gone once these rows are. Of a row that reaches over several windows
// only the first two count: one sample with a wrong time stands for nothing. Empty: packs have, or
// had, them all.
std::optional<std::int64_t> lost_with(Connection& connection, std::span<const ForeignRowSpan> rows);

// Whether the row may have samples in other windows than those of its first and its last sample.
bool is_wide(const ForeignRowSpan& row);
// Ends of the windows (kWindowMs) that the row has samples in, rising.
std::vector<std::int64_t> windows_of_row(const ForeignRow& row);

// How long a row that the disk does not give is asked for again before it is taken for damaged: the
// disk may come back, and what is taken for damaged is not sealed. One thread.
class RowPatience {
 public:
  explicit RowPatience(const Clock& clock) : clock_(clock) {}
  // Reading it failed. True: it did so often enough, and for long enough.
  bool gives_up(std::int64_t row);
  void was_read(std::int64_t row) {
    if (!failed_.empty()) failed_.erase(row);
  }

 private:
  struct Tries {
    int count = 0;
    std::chrono::nanoseconds since{};  // monotonic
  };
  const Clock& clock_;
  std::map<std::int64_t, Tries> failed_;  // a few: who reads stops at each
};

// Each row in a read transaction of its own, so that a long read never keeps the WAL from being
// reset. A row under a broken page of the database is as damaged as one that does not decode; what
// else fails is thrown (SqliteFailure). One thread; keeps its buffers from row to row.
class ForeignRowReader {
 public:
  enum class Found : std::uint8_t {
    samples,
    unwanted,
    gone,    // deleted, so its samples are in packs or too old
    damaged  // which is logged
  };
  using Wants = std::function<bool(std::span<const SeriesId>)>;

  // `patience`: takes a row for damaged that is not to be had for long. Null: nobody does.
  explicit ForeignRowReader(Connection& connection, RowPatience* patience = nullptr)
      : connection_(connection), patience_(patience) {}
  // `wants` is asked with the row's series before its samples are decoded. `row` is filled in if
  // the answer is `samples`.
  Found read(std::int64_t id, const Wants& wants, ForeignRow& row);
  // Only which series it has.
  Found read_series(std::int64_t id, std::vector<SeriesId>& series);

 private:
  Found read_stored(std::int64_t id, const Wants& wants, ForeignRow& row);
  Found read_stored_series(std::int64_t id, std::vector<SeriesId>& series);
  template <typename Read>
  Found guarded(std::int64_t id, Read read);

  Connection& connection_;
  RowPatience* const patience_;
  ForeignRowCodec codec_;
  std::vector<SeriesId> series_;
};

}  // namespace volta
