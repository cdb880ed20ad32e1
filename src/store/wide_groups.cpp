#include "store/wide_groups.hpp"

#include <set>

#include "store/journal_row.hpp"
#include "store/pack_rows.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostKnown = 256;
constexpr std::size_t kMostEnds = 4096;  // that are kept of a group

}  // namespace

std::vector<std::int64_t> WideGroups::hours(Connection& connection, const Group& group) {
  const std::int64_t first = window_end_ms(group.min_ms, kWindowMs);
  const std::int64_t last = window_end_ms(group.max_ms, kWindowMs);
  if (first == last) return {first};
  if (first > INT64_MAX - kWindowMs || last <= first + kWindowMs) return {first, last};
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(group.id);
    if (known != known_.end() && known->second.last_row == group.last_row) {
      return known->second.ends;
    }
  }
  std::set<std::int64_t> ends;
  visit_group(connection, group.id, UINT64_MAX, [&](const JournalRow& row) {
    for (const std::int64_t time : row.batch->times_ms) ends.insert(window_end_ms(time, kWindowMs));
  });
  std::vector<std::int64_t> found(ends.begin(), ends.end());
  if (found.size() <= kMostEnds) {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kMostKnown) known_.clear();
    known_[group.id] = {group.last_row, found};
  }
  return found;
}

}  // namespace volta
