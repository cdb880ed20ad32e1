#include "store/range_read.hpp"

#include <algorithm>
#include <array>

#include "store/journal_row.hpp"
#include "store/run_table.hpp"
#include "store/window_builder.hpp"

namespace volta {
RangeRead::RangeRead(const SeriesTable& table, HostId host, std::span<const SeriesId> series,
                     TimeSpan span, ReadScratch& scratch)
    : host_(host), span_(span), packed_(series.size(), scratch) {
  column_of_asked_.reserve(series.size());
  for (const SeriesId id : series) add_series(table, id);
}

void RangeRead::add_series(const SeriesTable& table, SeriesId id) {
  const auto known = targets_.find(id);  // asked twice, or as two variants
  const std::size_t column = known == targets_.end() ? columns_.size() : known->second.column;
  column_of_asked_.push_back(column);
  if (known != targets_.end()) return;
  columns_.emplace_back();
  for (const auto& variant : table.variants(host_, id)) {
    targets_[variant->id] = {column, variant->def.type, variant->def.scale};
  }
}

std::vector<RangeRead::WantedSlot> RangeRead::wanted(const std::vector<SeriesId>& slots) const {
  std::vector<WantedSlot> found;
  for (Slot slot = 0; slot < slots.size(); ++slot) {
    const auto target = targets_.find(slots[slot]);
    if (target != targets_.end()) found.push_back({slot, target->second});
  }
  return found;
}

void RangeRead::read_marks(Connection& connection) {
  marks_ = SealMarks::read(connection, host_, windows_of_span(span_));
}

// Whether packs have all that rows accepted up to then say of these times, as far as they are asked
// for.
bool RangeRead::in_packs(TimeSpan times, std::int64_t accepted) const {
  constexpr int kMostWindows = 1000;  // what is wider is looked at tick by tick
  const TimeSpan ends = windows_of_span(
      {std::max(times.start_ms, span_.start_ms), std::min(times.end_ms, span_.end_ms)});
  std::int64_t end = ends.start_ms;
  for (int i = 0; i < kMostWindows; ++i) {
    const std::int64_t sealed_to = marks_.accepted(end);
    if (sealed_to == 0 || sealed_to < accepted) return false;
    if (end >= ends.end_ms) return true;
    if (end > INT64_MAX - kWindowMs) return false;
    end += kWindowMs;
  }
  return false;
}

void RangeRead::add(const HeadBlock& block) {
  static_assert(kBlockTicks <= 64);
  if (block.times_ms.empty()) return;
  const auto newest = *std::max_element(block.accepted.begin(), block.accepted.end());
  if (in_packs({block.min_ms, block.max_ms}, newest)) return;
  std::uint64_t skip = 0;
  for (std::size_t tick = 0; tick < block.times_ms.size(); ++tick) {
    const std::int64_t time = block.times_ms[tick];
    if (inside(time) && !marks_.covers(time, block.accepted[tick])) continue;
    skip |= std::uint64_t{1} << tick;
  }
  if (wanted_of_ != block.series) {
    wanted_of_ = block.series;
    wanted_ = wanted(*block.series);
  }
  std::array<std::uint64_t, kBlockTicks> values{};
  for (const auto& [slot, target] : wanted_) {
    const std::uint64_t present = block.read(slot, values) & ~skip;
    for (std::size_t tick = 0; tick < block.times_ms.size(); ++tick) {
      if ((present >> tick & 1U) == 0) continue;
      columns_[target.column].add(block.times_ms[tick],
                                  to_double(target.type, target.scale, values[tick]),
                                  block.accepted[tick]);
    }
  }
}

void RangeRead::add(const JournalRow& row, const std::vector<WantedSlot>& slots) {
  const DecodedBatch& batch = *row.batch;
  for (std::size_t tick = 0; tick < batch.ticks(); ++tick) {
    if (!inside(batch.times_ms[tick])) continue;
    if (marks_.covers(batch.times_ms[tick], row.accepted)) continue;
    for (const auto& [slot, target] : slots) {
      if (slot >= batch.slots) break;
      const std::size_t at = batch.at(slot, tick);
      if (batch.present[at] == 0) continue;
      columns_[target.column].add(batch.times_ms[tick],
                                  to_double(target.type, target.scale, batch.values[at]),
                                  row.accepted);
    }
  }
}

// Then it need not be decoded: sealed rows stay for a while.
bool RangeRead::group_in_packs(Connection& connection, std::int64_t group, TimeSpan times) const {
  Query query = connection.query(
      "SELECT accepted FROM journal WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1");
  query.with(group_start(group), group_start(group + 1));
  return query.step() && in_packs(times, query.integer(0));
}

void RangeRead::add_journal(Connection& connection,
                            const std::map<std::int64_t, std::uint64_t>& floors) {
  struct Group {
    std::int64_t id;
    std::int64_t run;
    std::uint64_t last_seq;
    TimeSpan times;
  };
  std::vector<Group> groups;
  {
    Query query = connection.query(
        "SELECT id, run_id, seq, min_ms, max_ms FROM keyframe WHERE host_id=? AND min_ms<=? AND"
        " max_ms>=? ORDER BY min_ms, id");
    query.with(std::int64_t{static_cast<std::uint32_t>(host_)}, span_.end_ms, span_.start_ms);
    while (query.step()) {
      const auto floor = floors.find(query.integer(1));
      const std::uint64_t last_seq = floor == floors.end() ? UINT64_MAX : floor->second;
      const auto seq = static_cast<std::uint64_t>(query.integer(2));
      if (seq > last_seq) continue;
      const TimeSpan times{query.integer(3), query.integer(4)};
      groups.push_back({query.integer(0), query.integer(1), last_seq, times});
    }
  }
  std::map<std::int64_t, std::vector<WantedSlot>> slots_of_run;
  for (const Group& group : groups) {
    if (group_in_packs(connection, group.id, group.times)) continue;
    auto slots = slots_of_run.find(group.run);
    if (slots == slots_of_run.end()) {
      slots = slots_of_run.emplace(group.run, wanted(*load_slots(connection, group.run))).first;
    }
    if (slots->second.empty()) continue;
    visit_group(connection, group.id, group.last_seq,
                [&](const JournalRow& row) { add(row, slots->second); });
  }
}

void RangeRead::add_packs(Connection& connection, BadPacks& bad) {
  if (targets_.empty() || span_.start_ms > span_.end_ms) return;
  const PackRange range{Tier::raw, host_, windows_of_span(span_), targets_.begin()->first,
                        targets_.rbegin()->first};
  visit_packs(connection, range, bad, [&](const OpenPack& open) {
    const auto end = targets_.upper_bound(open.row.last_series);
    for (auto at = targets_.lower_bound(open.row.first_series); at != end; ++at) {
      const auto& [series, target] = *at;
      const PackEntry* entry = open.pack.find(series);
      if (entry != nullptr) packed_.add(target.column, open, *entry, target.scale, bad);
    }
  });
}

SampleSlice RangeRead::clipped(const SampleSlice& samples) const {
  const auto times = samples.times_ms;
  const auto first = std::lower_bound(times.begin(), times.end(), span_.start_ms);
  const auto last = std::upper_bound(first, times.end(), span_.end_ms);
  const auto from = static_cast<std::size_t>(first - times.begin());
  const auto count = static_cast<std::size_t>(last - first);
  return {times.subspan(from, count), samples.values.subspan(from, count), samples.known};
}

// Packs come in the order of time, and what is not sealed yet is newer: mostly nothing has to be
// sorted, and where all is in packs or nothing is, nothing is copied either.
SampleSlice RangeRead::samples_of(std::size_t column, BadPacks& bad) {
  const GrowingColumn& recent = columns_[column];
  const PackedColumns::Samples packed = packed_.decode(column, bad);
  const bool follows = recent.times_ms.empty() || packed.times_ms.empty() ||
                       packed.times_ms.back() < recent.times_ms.front();
  if (packed.rising && follows && recent.rises()) {
    if (recent.times_ms.empty()) return clipped({packed.times_ms, packed.values, packed.known});
    if (packed.times_ms.empty()) return {recent.times_ms, recent.values};
    const PackedColumns::Samples all = packed_.extended(packed, recent);
    return clipped({all.times_ms, all.values, all.known});
  }
  GrowingColumn mixed = packed_.mixed();
  mixed.append(GrowingColumn(recent));
  sorted_ = {};
  mixed.finish(sorted_);
  return clipped({sorted_.times_ms, sorted_.values});
}

bool RangeRead::each(BadPacks& bad, const SeriesSource::VisitSamples& visit) {
  for (std::size_t i = 0; i < column_of_asked_.size(); ++i) {
    if (!visit(i, samples_of(column_of_asked_[i], bad))) return false;
  }
  return true;
}

}  // namespace volta
