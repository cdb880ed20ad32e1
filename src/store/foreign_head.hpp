// The newest rows of foreign samples in memory: everything after some row, its floor; what is at or
// before that is read from the journal. So both together are complete whatever was dropped here.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "model/time_series.hpp"
#include "store/foreign_row.hpp"

namespace volta {

// Thread-safe.
class ForeignHead {
 public:
  using Row = std::shared_ptr<const ForeignRow>;
  struct Held {
    std::int64_t id = 0;
    Row row;
  };
  struct Snapshot {
    std::vector<Held> rows;  // that overlap the span, in the order of acceptance
    std::int64_t floor = 0;
  };

  explicit ForeignHead(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  // Before the first append: the last row that is on disk only.
  void set_floor(std::int64_t row);
  // For the rebuild at start: the row at the floor, `before` is the one that comes before it.
  // False: there is no room for it.
  bool prepend(std::int64_t id, const Row& row, std::int64_t before);
  // A committed row; ids rise. The oldest rows go when the budget is used up.
  void append(std::int64_t id, const Row& row);
  // Rows that were deleted, in any order.
  void forget(std::span<const std::int64_t> ids);

  [[nodiscard]] Snapshot snapshot(TimeSpan span) const;
  [[nodiscard]] std::size_t bytes() const;

 private:
  const std::size_t most_bytes_;
  mutable std::mutex mutex_;
  std::deque<Held> rows_;  // oldest first
  std::int64_t floor_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace volta
