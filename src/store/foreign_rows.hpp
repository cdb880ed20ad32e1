// Rows of the journal of foreign samples, read back: for queries and for sealing.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

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

// Whether the row may have samples in other windows than those of its first and its last sample.
bool is_wide(const ForeignRowSpan& row);
// Ends of the windows (kWindowMs) that the row has samples in, rising.
std::vector<std::int64_t> windows_of_row(const ForeignRow& row);

// Each row in a read transaction of its own, so that a long read never keeps the WAL from being
// reset. One thread; keeps its buffers from row to row.
class ForeignRowReader {
 public:
  enum class Found : std::uint8_t {
    samples,
    unwanted,
    gone,    // deleted, so its samples are in packs or too old
    damaged  // which is logged
  };
  using Wants = std::function<bool(std::span<const SeriesId>)>;

  explicit ForeignRowReader(Connection& connection) : connection_(connection) {}
  // `wants` is asked with the row's series before its samples are decoded. `row` is filled in if
  // the answer is `samples`.
  Found read(std::int64_t id, const Wants& wants, ForeignRow& row);
  // Only which series it has.
  Found read_series(std::int64_t id, std::vector<SeriesId>& series);

 private:
  Connection& connection_;
  ForeignRowCodec codec_;
  std::vector<SeriesId> series_;
};

}  // namespace volta
