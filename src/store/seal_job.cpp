#include "store/seal_job.hpp"

#include <algorithm>
#include <unordered_set>

#include "store/window_builder.hpp"
#include "store/window_merge.hpp"

namespace volta {
namespace {

std::int64_t host_of(HostId id) { return static_cast<std::uint32_t>(id); }

bool in_window(std::int64_t time, std::int64_t end_ms) {
  return window_end_ms(time, kWindowMs) == end_ms;
}

// In the raw domain: integers before their scale.
WindowColumn windows_of(const SampleTable::Column& column, ValueType type, Tier tier) {
  std::vector<double> values(column.raw.size());
  std::transform(column.raw.begin(), column.raw.end(), values.begin(),
                 [&](std::uint64_t raw) { return to_double(type, 0, raw); });
  return build_windows({column.times_ms, values}, tier_step_ms(tier));
}

class JournalSource final : public SealSource {
 public:
  JournalSource(const SealJob::Parts& parts, const SealWindow& window)
      : parts_(parts), window_(window) {}
  Found find() override;
  void gather(SampleTable& table) override;

 private:
  struct Group {
    std::int64_t id;
    std::int64_t run;
    std::int64_t points;
  };
  // Slots of a run and their columns in the table.
  using SlotColumns = std::vector<std::pair<Slot, std::uint32_t>>;

  void find_groups();
  void find_series();
  void gather_row(const JournalRow& row, const SlotColumns& columns, SampleTable& table) const;

  const SealJob::Parts parts_;
  const SealWindow window_;
  std::vector<Group> groups_;
  std::map<std::int64_t, SeriesList> slots_;  // by run
  Found found_;
};

}  // namespace

std::unique_ptr<SealSource> journal_source(const SealJob::Parts& parts, const SealWindow& window) {
  return std::make_unique<JournalSource>(parts, window);
}

std::optional<Sealed> SealJob::run(const std::function<bool()>& stop) {
  find();
  const std::size_t slices = 1 + points_ / parts_.samples_of_slice;
  const std::size_t series_of_slice = 1 + series_.size() / slices;
  std::vector<SeriesId> slice;
  for (std::size_t i = 0; i < series_.size(); ++i) {
    slice.push_back(series_[i]->id);
    const bool kin_follows = i + 1 < series_.size() &&
                             known_.at(series_[i + 1]->id).kin == known_.at(series_[i]->id).kin;
    if (i + 1 < series_.size() && (slice.size() < series_of_slice || kin_follows)) continue;
    if (stop()) return std::nullopt;
    seal_slice(slice);
    slice.clear();
  }
  return std::move(sealed_);
}

void SealJob::find() {
  SealSource::Found found = source_->find();
  sealed_.accepted = found.accepted;
  points_ = found.points;
  for (SealSource::Series& series : found.series) {
    series_.push_back(series.record);
    known_[series.record->id] = std::move(series);
  }
  Query query =
      parts_.connection.query("SELECT 1 FROM pack WHERE host_id=? AND tier=0 AND end_ms=? LIMIT 1");
  has_raw_ = query.with(host_of(window_.host), window_.end_ms).step();
}

namespace {

SealSource::Found JournalSource::find() {
  found_.accepted = parts_.connection.number("SELECT max(last_accepted) FROM run");
  find_groups();
  find_series();
  return found_;
}

void JournalSource::find_groups() {
  {
    Query query = parts_.connection.query(
        "SELECT id, run_id, points FROM keyframe WHERE host_id=? AND min_ms<=? AND max_ms>=?"
        " ORDER BY min_ms, id");
    query.with(host_of(window_.host), window_.end_ms, window_start_ms(window_.end_ms));
    while (query.step()) {
      groups_.push_back({query.integer(0), query.integer(1), query.integer(2)});
    }
  }
  for (const Group& group : groups_) {
    found_.points += static_cast<std::size_t>(group.points);
    SeriesList& slots = slots_[group.run];
    if (slots == nullptr) slots = load_slots(parts_.connection, group.run);
  }
}

void JournalSource::find_series() {
  std::unordered_set<SeriesId> known;
  for (const auto& [run, slots] : slots_) {
    for (const SeriesId id : *slots) {
      if (known.contains(id)) continue;
      const auto variants = parts_.series.variants(window_.host, id);
      for (const auto& variant : variants) {
        known.insert(variant->id);
        found_.series.push_back({variant, static_cast<std::uint32_t>(variants.front()->id)});
      }
    }
  }
  std::sort(found_.series.begin(), found_.series.end(), [](const auto& a, const auto& b) {
    return std::pair(a.kin, a.record->id) < std::pair(b.kin, b.record->id);
  });
}

void JournalSource::gather_row(const JournalRow& row, const SlotColumns& columns,
                               SampleTable& table) const {
  if (row.accepted <= window_.after || row.accepted > found_.accepted) return;
  const DecodedBatch& batch = *row.batch;
  for (std::size_t tick = 0; tick < batch.ticks(); ++tick) {
    if (!in_window(batch.times_ms[tick], window_.end_ms)) continue;
    const std::uint32_t shared = table.tick(batch.times_ms[tick], row.accepted);
    for (const auto& [slot, column] : columns) {
      if (slot >= batch.slots) break;
      const std::size_t at = batch.at(slot, tick);
      if (batch.present[at] != 0) table.add(column, shared, batch.values[at]);
    }
  }
}

void JournalSource::gather(SampleTable& table) {
  std::map<std::int64_t, SlotColumns> columns_of_run;
  for (const auto& [run, slots] : slots_) {
    auto& columns = columns_of_run[run];
    for (Slot slot = 0; slot < slots->size(); ++slot) {
      if (const auto column = table.find((*slots)[slot])) columns.emplace_back(slot, *column);
    }
  }
  for (const Group& group : groups_) {
    const auto& columns = columns_of_run.at(group.run);
    if (columns.empty()) continue;
    visit_group(parts_.connection, group.id, UINT64_MAX,
                [&](const JournalRow& row) { gather_row(row, columns, table); });
  }
}

}  // namespace

PackRow SealJob::row(Tier tier) const {
  PackRow row;
  row.tier = tier;
  row.host = window_.host;
  row.end_ms = window_.end_ms;
  row.accepted = sealed_.accepted;
  return row;
}

void SealJob::add_series(SampleTable& table, std::span<const SeriesId> series) {
  for (const SeriesId id : series) table.add_series(id, known_.at(id).kin);
}

void SealJob::seal_slice(std::span<const SeriesId> series) {
  SampleTable table;
  add_series(table, series);
  source_->gather(table);
  sealed_.samples += table.samples();
  if (table.samples() == 0) return;
  table.resolve();
  Columns columns;
  for (std::uint32_t column = 0; column < table.series(); ++column) {
    columns.push_back(table.take(column));
    if (columns.back().times_ms.empty()) {
      columns.pop_back();
    } else {
      sealed_.series.push_back(columns.back().series);
    }
  }
  // Samples that were let go for their age or the store's size do not come back one by one.
  if (!window_.tiers_only && (has_raw_ || window_.after == 0)) {
    PackSink sink(parts_.workshop, row(Tier::raw), sealed_.packs);
    for (const auto& column : columns) {
      sink.add(column, def(column.series).type, table.times_ms());
    }
    sink.finish();
  }
  seal_tiers(std::move(columns));
}

void SealJob::seal_tiers(Columns columns) {
  const bool is_whole = has_raw_ || (window_.after == 0 && !window_.tiers_only);
  if (has_raw_) columns = with_stored_samples(std::move(columns));
  for (const Tier tier : {Tier::minute, Tier::hour}) {
    Windows windows;
    for (const auto& column : columns) {
      windows[column.series] = windows_of(column, def(column.series).type, tier);
    }
    if (!is_whole) join_stored_windows(tier, windows);
    PackSink sink(parts_.workshop, row(tier), sealed_.packs);
    for (const auto& [series, column] : windows) {
      sink.add(series, def(series).kind, column);
    }
    sink.finish();
  }
}

// The same series with all the window's samples: what packs have of them, too.
SealJob::Columns SealJob::with_stored_samples(Columns fresh) {
  SampleTable table;
  for (const auto& column : fresh) table.add_series(column.series, known_.at(column.series).kin);
  visit_packs(parts_.connection, {Tier::raw, window_.host, {window_.end_ms, window_.end_ms}, {}},
              parts_.bad, [&](const OpenPack& open) {
                std::unordered_map<std::int64_t, std::uint32_t> ticks;
                for (const PackEntry& entry : open.pack.entries()) {
                  const auto column = table.find(entry.series);
                  if (!column) continue;
                  const auto samples =
                      parts_.workshop.reader.raw(open.pack, entry, column_bytes(open, entry));
                  if (!samples) {
                    parts_.bad.report(open.row, samples.error().text);
                    continue;
                  }
                  for (std::size_t i = 0; i < samples->times_ms.size(); ++i) {
                    const std::int64_t time = samples->times_ms[i];
                    const auto [tick, is_new] = ticks.emplace(time, 0);
                    if (is_new) tick->second = table.tick(time, open.row.accepted);
                    table.add(*column, tick->second, samples->values[i]);
                  }
                }
              });
  std::unordered_map<std::int64_t, std::uint32_t> ticks;
  for (std::uint32_t column = 0; column < fresh.size(); ++column) {
    for (std::size_t i = 0; i < fresh[column].times_ms.size(); ++i) {
      const auto [tick, is_new] = ticks.emplace(fresh[column].times_ms[i], 0);
      if (is_new) tick->second = table.tick(fresh[column].times_ms[i], sealed_.accepted);
      table.add(column, tick->second, fresh[column].raw[i]);
    }
  }
  table.resolve();
  Columns all;
  for (std::uint32_t column = 0; column < table.series(); ++column) {
    all.push_back(table.take(column));
  }
  return all;
}

void SealJob::join_stored_windows(Tier tier, Windows& windows) {
  const TimeSpan ends{window_start_ms(window_.end_ms) + 1, window_.end_ms};
  std::map<SeriesId, WindowMerge> merges;
  visit_packs(parts_.connection, {tier, window_.host, ends, {}}, parts_.bad,
              [&](const OpenPack& open) {
                for (const auto& [series, fresh] : windows) {
                  const auto stored =
                      read_tier_columns(parts_.workshop.reader, open, series, tier_step_ms(tier));
                  if (!stored) {
                    parts_.bad.report(open.row, stored.error().text);
                  } else {
                    merges[series].put(*stored, open.row.accepted, ends);
                  }
                }
              });
  for (auto& [series, column] : windows) {
    const auto stored = merges.find(series);
    if (stored == merges.end()) continue;
    stored->second.join(column, ends);
    column = stored->second.take();
  }
}

}  // namespace volta
