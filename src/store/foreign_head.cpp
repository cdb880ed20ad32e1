#include "store/foreign_head.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace volta {

void ForeignHead::set_floor(std::int64_t row) {
  const std::lock_guard lock(mutex_);
  VOLTA_ASSERT(rows_.empty());
  floor_ = row;
}

bool ForeignHead::prepend(std::int64_t id, const Row& row, std::int64_t before) {
  const std::lock_guard lock(mutex_);
  VOLTA_ASSERT(id == floor_ && before < id);
  if (bytes_ + row->bytes() > most_bytes_) return false;
  bytes_ += row->bytes();
  rows_.push_front({id, row});
  floor_ = before;
  return true;
}

void ForeignHead::append(std::int64_t id, const Row& row) {
  const std::lock_guard lock(mutex_);
  VOLTA_ASSERT(id > floor_ && (rows_.empty() || id > rows_.back().id));
  bytes_ += row->bytes();
  rows_.push_back({id, row});
  while (bytes_ > most_bytes_ && !rows_.empty()) {
    floor_ = rows_.front().id;
    bytes_ -= rows_.front().row->bytes();
    rows_.pop_front();
  }
}

void ForeignHead::forget(std::span<const std::int64_t> ids) {
  std::vector<std::int64_t> gone(ids.begin(), ids.end());
  std::sort(gone.begin(), gone.end());
  const std::lock_guard lock(mutex_);
  std::erase_if(rows_, [&](const Held& held) {
    if (!std::binary_search(gone.begin(), gone.end(), held.id)) return false;
    bytes_ -= held.row->bytes();
    return true;
  });
}

ForeignHead::Snapshot ForeignHead::snapshot(TimeSpan span) const {
  const std::lock_guard lock(mutex_);
  Snapshot snapshot;
  snapshot.floor = floor_;
  for (const Held& held : rows_) {
    if (held.row->min_ms <= span.end_ms && held.row->max_ms >= span.start_ms) {
      snapshot.rows.push_back(held);
    }
  }
  return snapshot;
}

std::size_t ForeignHead::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace volta
