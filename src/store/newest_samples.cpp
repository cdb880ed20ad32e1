#include "store/newest_samples.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>

namespace volta {
namespace {

// 0: too long to be kept.
std::uint32_t gap_ms(std::int64_t earlier_ms, std::int64_t later_ms) {
  const std::uint64_t gap =
      static_cast<std::uint64_t>(later_ms) - static_cast<std::uint64_t>(earlier_ms);
  return gap > std::numeric_limits<std::uint32_t>::max() ? 0 : static_cast<std::uint32_t>(gap);
}

}  // namespace

void NewestTable::insert(Entry& entry, std::int64_t time_ms, std::uint64_t raw,
                         std::int64_t accepted) {
  if (entry.accepted == 0 || time_ms > entry.time_ms) {
    if (entry.accepted != 0) {
      entry.before_gap_ms = gap_ms(entry.time_ms, time_ms);
      entry.before_raw = entry.raw;
    }
    entry.time_ms = time_ms;
    entry.raw = raw;
    entry.accepted = accepted;
  } else if (time_ms == entry.time_ms) {
    if (accepted < entry.accepted) return;
    entry.raw = raw;
    entry.accepted = accepted;
  } else {
    const std::uint32_t gap = gap_ms(time_ms, entry.time_ms);
    if (gap == 0 || (entry.before_gap_ms != 0 && gap >= entry.before_gap_ms)) return;
    entry.before_gap_ms = gap;
    entry.before_raw = raw;
  }
}

NewestTable::Entry* NewestTable::find(SeriesId series, std::size_t& next) {
  if (next >= entries_.size() || entries_[next].series != series) {
    const auto found =
        std::lower_bound(entries_.begin(), entries_.end(), series,
                         [](const Entry& entry, SeriesId wanted) { return entry.series < wanted; });
    next = static_cast<std::size_t>(found - entries_.begin());
    if (found == entries_.end() || found->series != series) return nullptr;
  }
  return &entries_[next++];
}

template <typename HasValue>
void NewestTable::make_room(const std::vector<SeriesId>& series, std::size_t slots,
                            const HasValue& has_value) {
  std::vector<SeriesId> fresh;
  std::size_t next = 0;
  for (Slot slot = 0; slot < slots; ++slot) {
    if (series[slot] == SeriesId{}) continue;  // refused
    if (find(series[slot], next) == nullptr && has_value(slot)) fresh.push_back(series[slot]);
  }
  if (fresh.empty()) return;
  std::sort(fresh.begin(), fresh.end());
  fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
  const auto known = static_cast<std::ptrdiff_t>(entries_.size());
  entries_.reserve(entries_.size() + fresh.size());
  for (const SeriesId id : fresh) entries_.push_back({id, 0, 0, 0, 0, 0, 0});
  std::inplace_merge(entries_.begin(), entries_.begin() + known, entries_.end(),
                     [](const Entry& a, const Entry& b) { return a.series < b.series; });
}

void NewestTable::note(const DecodedBatch& batch, const std::vector<SeriesId>& series,
                       std::int64_t accepted, std::int64_t received_ms) {
  const std::size_t ticks = batch.ticks();
  make_room(series, batch.slots, [&](Slot slot) {
    const auto first = batch.present.begin() + static_cast<std::ptrdiff_t>(batch.at(slot, 0));
    return std::any_of(first, first + static_cast<std::ptrdiff_t>(ticks),
                       [](std::uint8_t there) { return there != 0; });
  });
  const bool rising = std::adjacent_find(batch.times_ms.begin(), batch.times_ms.end(),
                                         std::greater_equal<>()) == batch.times_ms.end();
  std::size_t next = 0;
  for (Slot slot = 0; slot < batch.slots; ++slot) {
    if (series[slot] == SeriesId{}) continue;
    // Where times rise, only the last two can matter.
    std::size_t first = ticks;
    for (int found = 0; first > 0 && (!rising || found < 2);) {
      if (batch.present[batch.at(slot, --first)] != 0) ++found;
    }
    Entry* entry = nullptr;
    for (std::size_t tick = first; tick < ticks; ++tick) {
      const std::size_t at = batch.at(slot, tick);
      if (batch.present[at] == 0) continue;
      if (entry == nullptr) entry = find(series[slot], next);
      insert(*entry, batch.times_ms[tick], batch.values[at], accepted);
      entry->received_ms = received_ms;
    }
  }
}

void NewestTable::note(const HeadBlock& block) {
  std::array<std::uint64_t, kBlockTicks> values{};
  make_room(*block.series, block.columns.size(),
            [&](Slot slot) { return block.columns[slot].presence != HeadBlock::Presence::none; });
  std::size_t next = 0;
  for (Slot slot = 0; slot < block.columns.size(); ++slot) {
    if ((*block.series)[slot] == SeriesId{}) continue;
    const std::uint64_t present = block.read(slot, values);
    if (present == 0) continue;
    Entry& entry = *find((*block.series)[slot], next);
    for (std::size_t tick = 0; tick < block.ticks(); ++tick) {
      if ((present >> tick & 1U) == 0) continue;
      insert(entry, block.times_ms[tick], values[tick], block.accepted[tick]);
    }
    entry.received_ms = std::max(entry.received_ms, block.received_ms);
  }
}

void NewestTable::forget_before(std::int64_t received_ms) {
  const auto forgotten =
      std::erase_if(entries_, [&](const Entry& entry) { return entry.received_ms < received_ms; });
  if (forgotten > 0) entries_.shrink_to_fit();
}

std::vector<std::pair<SeriesId, NewestSamples>> NewestTable::all() const {
  std::vector<std::pair<SeriesId, NewestSamples>> all;
  all.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    NewestSamples newest{entry.time_ms, entry.raw, entry.before_gap_ms != 0, 0, entry.before_raw};
    if (newest.has_before) newest.before_ms = entry.time_ms - entry.before_gap_ms;
    all.emplace_back(entry.series, newest);
  }
  return all;
}

}  // namespace volta
