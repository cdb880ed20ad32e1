#include "store/seal_job.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_set>

#include "store/window_builder.hpp"
#include "store/window_intake.hpp"
#include "store/window_merge.hpp"

namespace volta {
namespace {

// Of a damaged group, what its row claims is no reason to overflow.
constexpr std::int64_t kMostPointsOfGroup = std::int64_t{1} << 40;

std::int64_t host_of(HostId id) { return static_cast<std::uint32_t>(id); }

bool in_window(std::int64_t time, std::int64_t end_ms) {
  return window_end_ms(time, kWindowMs) == end_ms;
}

// In the raw domain: integers before their scale.
void put_values(const SampleTable::Column& column, ValueType type, std::vector<double>& values) {
  values.resize(column.raw.size());
  std::transform(column.raw.begin(), column.raw.end(), values.begin(),
                 [&](std::uint64_t raw) { return to_double(type, 0, raw); });
}

WindowColumn find_windows(const std::map<SeriesId, WindowColumn>& windows, SeriesId series) {
  const auto found = windows.find(series);
  return found == windows.end() ? WindowColumn{} : found->second;
}

class JournalSource final : public SealSource {
 public:
  JournalSource(const SealJob::Parts& parts, const SealWindow& window)
      : parts_(parts), window_(window) {}
  Found find() override;
  void gather(SampleTable& table) override;
  [[nodiscard]] std::map<std::int64_t, VisitedGroup> visited() const override { return visited_; }

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
  std::map<std::int64_t, VisitedGroup> visited_;
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
    if (knows_broken()) return std::nullopt;
    slice.clear();
  }
  std::move(raw_.begin(), raw_.end(), std::back_inserter(sealed_.packs));
  sealed_.visited = source_->visited();
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
  has_tiers_ = has_tiers();
  if (window_.after == 0) return;
  // Later ones are of a seal that came to no end; its samples are all in the journal.
  {
    Query packs = parts_.connection.query(
        "SELECT id FROM pack WHERE host_id=? AND tier=0 AND end_ms=? AND accepted<=?");
    packs.with(host_of(window_.host), window_.end_ms, window_.after);
    while (packs.step()) sealed_.stands_on.push_back(packs.integer(0));
  }
  has_raw_ = !sealed_.stands_on.empty();
  Query broken = parts_.connection.query(
      "SELECT 1 FROM bad_pack WHERE host_id=? AND tier=0 AND end_ms=? LIMIT 1");
  lost_raw_ = broken.with(host_of(window_.host), window_.end_ms).step();
}

// Perhaps none of them has the window: long ones reach over hours of which there is nothing.
bool SealJob::has_tiers() {
  Query query = parts_.connection.query(
      "SELECT 1 FROM pack WHERE host_id=?1 AND tier IN (1, 2) AND end_ms>=?2 AND end_ms<=?3"
      " AND end_ms-span_ms<?2 LIMIT 1");
  const std::int64_t last =
      window_.end_ms > INT64_MAX - kLongestSpanMs ? INT64_MAX : window_.end_ms + kLongestSpanMs;
  return query.with(host_of(window_.host), window_.end_ms, last).step();
}

// Packs are known to be broken before they are put aside, and reading passes over them.
bool SealJob::knows_broken() {
  if (!has_raw_) return false;
  Query query =
      parts_.connection.query("SELECT id FROM pack WHERE host_id=? AND tier=0 AND end_ms=?");
  query.with(host_of(window_.host), window_.end_ms);
  while (query.step()) {
    if (parts_.bad.known(query.integer(0))) return true;
  }
  return false;
}

namespace {

SealSource::Found JournalSource::find() {
  found_.accepted = std::max(window_.after, parts_.newest);
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
    found_.points +=
        static_cast<std::size_t>(std::clamp<std::int64_t>(group.points, 0, kMostPointsOfGroup));
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
    visited_[group.id] =
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
  SampleTable table(1 +
                    std::min(points_ / series_.size(), parts_.samples_of_slice / series.size()));
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
  const bool gone = window_.let_go && window_.after != 0 && !has_raw_ && !lost_raw_;
  if (!window_.tiers_only && !gone) {
    PackSink sink(parts_.workshop, row(Tier::raw), raw_);
    for (const auto& column : columns) {
      sink.add(column, def(column.series).type, table.times_ms());
    }
    sink.finish();
    save_samples(parts_.bytes_of_slice);
  }
  seal_tiers(columns);
}

void SealJob::save_samples(std::size_t at_least) {
  if (!parts_.save) return;
  std::size_t first = 0;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < raw_.size(); ++i) {
    bytes += raw_[i].data.size();
    if (bytes < at_least) continue;
    parts_.save(std::span(raw_).subspan(first, i + 1 - first));
    first = i + 1;
    bytes = 0;
  }
  raw_.erase(raw_.begin(), raw_.begin() + static_cast<std::ptrdiff_t>(first));
}

// Windows are made anew of all the hour's samples. Where these are gone, and the windows are not,
// those take in what came; where some of them are broken, it is joined with the windows.
void SealJob::seal_tiers(const Columns& columns) {
  Ends ends;
  Columns stored;
  const Columns* all = &columns;
  Columns whole;
  if (has_raw_ && !lost_raw_) {
    stored = stored_samples(columns, ends);
    // Windows that are gone too know nothing of what is lost: what is left makes them.
    if (has_tiers_) leave_out_lost(stored, ends);
    whole = with_stored_samples(columns, stored);
    all = &whole;
  }
  auto [minutes, hours] = windows_of_all(*all);
  for (const auto& [series, stored_ends] : ends) {
    add_empty_windows(minutes[series],
                      std::vector<std::int64_t>(stored_ends.begin(), stored_ends.end()));
    add_empty_windows(hours[series], std::vector{window_.end_ms});
  }
  if (lost_raw_) {
    join_stored_windows(Tier::minute, minutes);
    join_stored_windows(Tier::hour, hours);
  } else if (has_tiers_) {
    Windows lost_minutes = cut_lost(minutes);
    Windows lost_hours = cut_lost(hours);
    take_in_windows(columns, stored, minutes, hours);
    join_stored_windows(Tier::minute, lost_minutes);
    join_stored_windows(Tier::hour, lost_hours);
    minutes.merge(lost_minutes);
    hours.merge(lost_hours);
  }
  for (const Tier tier : {Tier::minute, Tier::hour}) {
    PackSink sink(parts_.workshop, row(tier), sealed_.packs);
    for (const auto& [series, column] : tier == Tier::minute ? minutes : hours) {
      sink.add(series, def(series).kind, column);
    }
    sink.finish();
  }
}

// What is still there of their samples is less than the windows have counted.
void SealJob::leave_out_lost(Columns& stored, Ends& minutes) const {
  if (lost_.empty()) return;
  for (auto& column : stored) {
    if (!lost_column(column.series)) continue;
    column.times_ms.clear();
    column.raw.clear();
  }
  std::erase_if(minutes, [&](const auto& entry) { return lost_column(entry.first); });
}

// Those to which something came.
SealJob::Windows SealJob::cut_lost(Windows& windows) const {
  Windows lost;
  if (lost_.empty()) return lost;
  for (auto at = windows.begin(); at != windows.end();) {
    if (!lost_column(at->first)) {
      ++at;
      continue;
    }
    if (at->second.size() > 0) lost.emplace(at->first, std::move(at->second));
    at = windows.erase(at);
  }
  return lost;
}

SealJob::TierWindows SealJob::windows_of_all(const Columns& columns) const {
  TierWindows windows;
  std::vector<double> values;
  for (const auto& column : columns) {
    put_values(column, def(column.series).type, values);
    const SampleSlice samples{column.times_ms, values};
    windows.minutes[column.series] = build_windows(samples, tier_step_ms(Tier::minute));
    windows.hours[column.series] = build_windows(samples, tier_step_ms(Tier::hour));
  }
  return windows;
}

// Of series whose windows have counted more samples than are stored.
void SealJob::take_in_windows(const Columns& fresh, const Columns& stored, Windows& minutes,
                              Windows& hours) {
  std::map<SeriesId, std::uint64_t> known;
  for (const auto& [series, windows] : windows_of_all(stored).hours) {
    known[series] = count_of(windows);
  }
  std::map<SeriesId, const SampleTable::Column*> came;
  for (const auto& column : fresh) came[column.series] = &column;
  const auto news = [&](SeriesId series, const WindowColumn& counted, Tier tier) {
    const auto found = came.find(series);
    if (found == came.end()) return WindowColumn{};
    std::vector<double> values;
    put_values(*found->second, def(series).type, values);
    return windows_of_new(counted, {found->second->times_ms, values}, tier_step_ms(tier));
  };
  const Windows counted_hours = stored_windows(Tier::hour, hours);
  const Windows counted_minutes = stored_windows(Tier::minute, minutes);
  for (auto& [series, hour] : hours) {
    const WindowColumn counted = find_windows(counted_hours, series);
    const WindowColumn of_minutes = find_windows(counted_minutes, series);
    const std::uint64_t count = std::max(count_of(counted), count_of(of_minutes));
    if (count <= known[series]) continue;
    WindowColumn& minute = minutes[series];
    minute = taken_in(of_minutes, news(series, of_minutes, Tier::minute), minute);
    if (count_of(counted) == count_of(of_minutes)) {
      // What of an hour is new is told best by its minutes.
      hour = {};
      append_window(hour, joined(minute, window_.end_ms));
    } else {
      hour = taken_in(counted, news(series, counted, Tier::hour), hour);
    }
  }
}

SealJob::Windows SealJob::stored_windows(Tier tier, const Windows& of) {
  const TimeSpan ends{window_start_ms(window_.end_ms) + 1, window_.end_ms};
  std::map<SeriesId, WindowMerge> merges;
  if (of.empty()) return {};
  TierColumnsReader reader(parts_.workshop.reader, tier_step_ms(tier));
  visit_packs(parts_.connection, {tier, window_.host, ends, of.begin()->first, of.rbegin()->first},
              parts_.bad, [&](const OpenPack& open) {
                for (const auto& [series, fresh] : of) {
                  if (!reader.read(open, series)) {
                    parts_.bad.report_column(open.row, series, reader.problem().text);
                  } else {
                    merges[series].put(reader.windows(), open.row.accepted, ends, open.row.span_ms);
                  }
                }
              });
  Windows windows;
  for (auto& [series, merge] : merges) windows[series] = merge.take();
  return windows;
}

void SealJob::join_stored_windows(Tier tier, Windows& windows) {
  const TimeSpan ends{window_start_ms(window_.end_ms) + 1, window_.end_ms};
  for (const auto& [series, stored] : stored_windows(tier, windows)) {
    WindowMerge merge;
    merge.put(stored, sealed_.accepted, ends);
    merge.join(windows[series], ends);
    windows[series] = merge.take();
  }
}

// The same series and their other variants, with what packs have of them. `minutes`: the ends of
// those in which packs have samples.
SealJob::Columns SealJob::stored_samples(const Columns& fresh, Ends& minutes) {
  SampleTable table;
  std::set<std::uint32_t> kins;
  for (const auto& column : fresh) kins.insert(known_.at(column.series).kin);
  for (const auto& record : series_) {
    const std::uint32_t kin = known_.at(record->id).kin;
    if (kins.contains(kin)) table.add_series(record->id, kin);
  }
  add_stored(table, minutes);
  table.resolve();
  Columns columns;
  for (std::uint32_t column = 0; column < table.series(); ++column) {
    columns.push_back(table.take(column));
  }
  return columns;
}

// Fresh ones were accepted later than any that is stored.
SealJob::Columns SealJob::with_stored_samples(const Columns& fresh, const Columns& stored) {
  SampleTable table;
  for (const auto& column : stored) {
    table.add_series(column.series, known_.at(column.series).kin);
  }
  const auto add = [&](const Columns& columns, std::int64_t accepted) {
    std::unordered_map<std::int64_t, std::uint32_t> ticks;
    for (const auto& column : columns) {
      const std::uint32_t place = *table.find(column.series);
      for (std::size_t i = 0; i < column.times_ms.size(); ++i) {
        const auto [tick, is_new] = ticks.emplace(column.times_ms[i], 0);
        if (is_new) tick->second = table.tick(column.times_ms[i], accepted);
        table.add(place, tick->second, column.raw[i]);
      }
    }
  };
  add(stored, window_.after);
  add(fresh, sealed_.accepted);
  table.resolve();
  Columns all;
  for (std::uint32_t column = 0; column < table.series(); ++column) {
    all.push_back(table.take(column));
  }
  return all;
}

void SealJob::add_stored(SampleTable& table, Ends& minutes) {
  const auto add = [&](const OpenPack& open) {
    if (open.row.accepted > window_.after) return;
    std::unordered_map<std::int64_t, std::uint32_t> ticks;
    for (const PackEntry& entry : open.pack.entries()) {
      const auto column = table.find(entry.series);
      if (!column) continue;
      const auto samples = parts_.workshop.reader.raw(open.pack, entry, column_bytes(open, entry));
      if (!samples) {
        parts_.bad.report_column(open.row, entry.series, samples.error().text);
        lost_.insert(known_.at(entry.series).kin);
        continue;
      }
      std::set<std::int64_t>& ends = minutes[entry.series];
      for (std::size_t i = 0; i < samples->times_ms.size(); ++i) {
        const std::int64_t time = samples->times_ms[i];
        const auto [tick, is_new] = ticks.emplace(time, 0);
        if (is_new) tick->second = table.tick(time, open.row.accepted);
        table.add(*column, tick->second, samples->values[i]);
        ends.insert(ends.end(), window_end_ms(time, tier_step_ms(Tier::minute)));
      }
    }
  };
  visit_packs(parts_.connection, {Tier::raw, window_.host, {window_.end_ms, window_.end_ms}, {}},
              parts_.bad, add);
}

}  // namespace volta
