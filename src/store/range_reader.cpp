#include "store/range_reader.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "store/growing_column.hpp"
#include "store/journal_row.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

// Where the samples of a series id go, and how its bits are read.
struct Target {
  std::size_t column = 0;
  ValueType type = ValueType::int64;
  std::int8_t scale = 0;
};

struct WantedSlot {
  Slot slot = 0;
  Target target;
};

// One read() in progress.
class RangeRead {
 public:
  RangeRead(const SeriesTable& table, HostId host, std::span<const SeriesId> series,
            std::int64_t start_ms, std::int64_t end_ms);
  void add(const HeadBlock& block);
  // Before the journal and the head: what packs have of these is passed over.
  void read_marks(Connection& connection);
  // After the journal: a window that is sealed meanwhile is then in one of both.
  void add_packs(Connection& connection, BadPacks& bad);
  void add_journal(Connection& connection, const std::map<std::int64_t, std::uint64_t>& floors);
  std::vector<SampleColumn> finish(std::span<const SeriesId> series);

 private:
  [[nodiscard]] std::vector<WantedSlot> wanted(const std::vector<SeriesId>& slots) const;
  void add(const JournalRow& row, const std::vector<WantedSlot>& slots);
  void add(GrowingColumn& column, const DoubleSamples& samples, std::int64_t accepted) const;
  [[nodiscard]] bool inside(std::int64_t time) const {
    return start_ms_ <= time && time <= end_ms_;
  }

  HostId host_;
  std::int64_t start_ms_;
  std::int64_t end_ms_;
  std::unordered_map<SeriesId, Target> targets_;
  std::vector<std::size_t> column_of_asked_;
  std::vector<GrowingColumn> columns_;  // from the journal and the head
  std::vector<GrowingColumn> packed_;   // from packs
  SealMarks marks_;
};

RangeRead::RangeRead(const SeriesTable& table, HostId host, std::span<const SeriesId> series,
                     std::int64_t start_ms, std::int64_t end_ms)
    : host_(host), start_ms_(start_ms), end_ms_(end_ms) {
  for (const SeriesId id : series) {
    const auto known = targets_.find(id);  // asked twice, or as two variants
    const std::size_t column = known == targets_.end() ? columns_.size() : known->second.column;
    column_of_asked_.push_back(column);
    if (known != targets_.end()) continue;
    columns_.emplace_back();
    packed_.emplace_back();
    for (const auto& variant : table.variants(host, id)) {
      targets_[variant->id] = {column, variant->def.type, variant->def.scale};
    }
  }
}

std::vector<WantedSlot> RangeRead::wanted(const std::vector<SeriesId>& slots) const {
  std::vector<WantedSlot> found;
  for (Slot slot = 0; slot < slots.size(); ++slot) {
    const auto target = targets_.find(slots[slot]);
    if (target != targets_.end()) found.push_back({slot, target->second});
  }
  return found;
}

void RangeRead::add(const HeadBlock& block) {
  static_assert(kBlockTicks <= 64);
  std::uint64_t skip = 0;
  for (std::size_t tick = 0; tick < block.times_ms.size(); ++tick) {
    const std::int64_t time = block.times_ms[tick];
    if (inside(time) && !marks_.covers(time, block.accepted[tick])) continue;
    skip |= std::uint64_t{1} << tick;
  }
  std::array<std::uint64_t, kBlockTicks> values{};
  for (const auto& [slot, target] : wanted(*block.series)) {
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

void RangeRead::add_journal(Connection& connection,
                            const std::map<std::int64_t, std::uint64_t>& floors) {
  struct Group {
    std::int64_t id;
    std::int64_t run;
    std::uint64_t last_seq;
  };
  std::vector<Group> groups;
  {
    Query query = connection.query(
        "SELECT id, run_id, seq FROM keyframe WHERE host_id=? AND min_ms<=? AND max_ms>=?"
        " ORDER BY min_ms, id");
    query.with(std::int64_t{static_cast<std::uint32_t>(host_)}, end_ms_, start_ms_);
    while (query.step()) {
      const auto floor = floors.find(query.integer(1));
      const std::uint64_t last_seq = floor == floors.end() ? UINT64_MAX : floor->second;
      const auto seq = static_cast<std::uint64_t>(query.integer(2));
      if (seq <= last_seq) groups.push_back({query.integer(0), query.integer(1), last_seq});
    }
  }
  std::map<std::int64_t, std::vector<WantedSlot>> slots_of_run;
  for (const Group& group : groups) {
    auto slots = slots_of_run.find(group.run);
    if (slots == slots_of_run.end()) {
      slots = slots_of_run.emplace(group.run, wanted(*load_slots(connection, group.run))).first;
    }
    if (slots->second.empty()) continue;
    visit_group(connection, group.id, group.last_seq,
                [&](const JournalRow& row) { add(row, slots->second); });
  }
}

TimeSpan windows_of_range(std::int64_t start_ms, std::int64_t end_ms) {
  return {window_end_ms(start_ms, kWindowMs), window_end_ms(end_ms, kWindowMs)};
}

void RangeRead::read_marks(Connection& connection) {
  marks_ = SealMarks::read(connection, host_, windows_of_range(start_ms_, end_ms_));
}

void RangeRead::add_packs(Connection& connection, BadPacks& bad) {
  if (targets_.empty() || start_ms_ > end_ms_) return;
  const auto [first, last] =
      std::minmax_element(targets_.begin(), targets_.end(),
                          [](const auto& a, const auto& b) { return a.first < b.first; });
  PackReader reader;
  visit_packs(connection,
              {Tier::raw, host_, windows_of_range(start_ms_, end_ms_), first->first, last->first},
              bad, [&](const OpenPack& open) {
                for (const auto& [series, target] : targets_) {
                  const PackEntry* entry = open.pack.find(series);
                  if (entry == nullptr) continue;
                  const auto samples =
                      reader.doubles(open.pack, *entry, column_bytes(open, *entry), target.scale);
                  if (!samples) {
                    bad.report(open.row, samples.error().text);
                    continue;
                  }
                  add(packed_[target.column], *samples, open.row.accepted);
                }
              });
}

void RangeRead::add(GrowingColumn& column, const DoubleSamples& samples,
                    std::int64_t accepted) const {
  const auto times = samples.times_ms;
  const auto first = std::lower_bound(times.begin(), times.end(), start_ms_);
  const auto last = std::upper_bound(first, times.end(), end_ms_);
  const auto from = first - times.begin();
  const auto to = last - times.begin();
  if (first == last) return;
  column.begin(accepted);
  column.times_ms.insert(column.times_ms.end(), first, last);
  column.values.insert(column.values.end(), samples.values.begin() + from,
                       samples.values.begin() + to);
}

std::vector<SampleColumn> RangeRead::finish(std::span<const SeriesId> series) {
  std::vector<SampleColumn> out(series.size());
  std::vector<std::optional<std::size_t>> first_use(columns_.size());
  for (std::size_t i = 0; i < series.size(); ++i) {
    const std::size_t column = column_of_asked_[i];
    if (first_use[column]) {
      out[i] = out[*first_use[column]];
    } else {
      packed_[column].append(std::move(columns_[column]));
      packed_[column].finish(out[i]);
      first_use[column] = i;
    }
    out[i].series = series[i];
  }
  return out;
}

// Per second; empty for a reset, whose increase nobody knows.
std::optional<double> rate_of(const SeriesDef& def, const NewestSamples& newest) {
  if (def.kind != Kind::counter || !newest.has_before) return std::nullopt;
  const double seconds =
      (static_cast<double>(newest.time_ms) - static_cast<double>(newest.before_ms)) / 1000;
  if (seconds <= 0) return std::nullopt;
  double increase = 0;
  if (def.type == ValueType::float64) {
    increase = to_double(def.type, def.scale, newest.raw) -
               to_double(def.type, def.scale, newest.before_raw);
  } else {
    // In integers: large counters differ by less than a double can tell.
    const bool fell =
        def.type == ValueType::uint64
            ? newest.raw < newest.before_raw
            : static_cast<std::int64_t>(newest.raw) < static_cast<std::int64_t>(newest.before_raw);
    if (fell) return std::nullopt;
    increase = to_double(ValueType::uint64, def.scale, newest.raw - newest.before_raw);
  }
  if (!(increase >= 0) || !std::isfinite(increase)) return std::nullopt;
  return increase / seconds;
}

}  // namespace

std::vector<SampleColumn> StoreReader::read(HostId host, std::span<const SeriesId> series,
                                            std::int64_t start_ms, std::int64_t end_ms) const {
  RangeRead reading(series_, host, series, start_ms, end_ms);
  // The head first: what it lets go of from now on is in the journal, but not the other way round.
  const Head::Snapshot snapshot = head_.snapshot(host, start_ms, end_ms);
  {
    auto connection = readers_.take();
    reading.read_marks(*connection);
    reading.add_journal(*connection, snapshot.floors);
    reading.add_packs(*connection, bad_);
  }
  for (const auto& block : snapshot.blocks) reading.add(*block);
  return reading.finish(series);
}

std::vector<LatestSample> StoreReader::latest(HostId host) const {
  std::map<SeriesId, LatestSample> found;
  for (const auto& [id, newest] : head_.newest(host)) {
    const auto record = series_.record(id);
    const auto variants = series_.variants(host, id);
    if (record == nullptr || variants.empty()) continue;
    const LatestSample sample{variants.back()->id, newest.time_ms,
                              to_double(record->def.type, record->def.scale, newest.raw),
                              rate_of(record->def, newest)};
    const auto [known, is_new] = found.emplace(sample.series, sample);
    if (!is_new && sample.time_ms > known->second.time_ms) known->second = sample;
  }
  std::vector<LatestSample> all;
  all.reserve(found.size());
  for (const auto& [id, sample] : found) all.push_back(sample);
  return all;
}

std::optional<std::int64_t> StoreReader::oldest_ms(HostId host) const {
  auto connection = readers_.take();
  const std::int64_t id = static_cast<std::uint32_t>(host);
  std::optional<std::int64_t> oldest;
  {
    Query query =
        (*connection).query("SELECT min_ms FROM keyframe WHERE host_id=? ORDER BY min_ms LIMIT 1");
    if (query.with(id).step()) oldest = query.integer(0);
  }
  Query query =
      (*connection)
          .query("SELECT min_ms FROM pack WHERE host_id=? AND tier=0 ORDER BY end_ms LIMIT 1");
  if (query.with(id).step()) oldest = std::min(oldest.value_or(INT64_MAX), query.integer(0));
  return oldest;
}

std::optional<std::int64_t> StoreReader::oldest_ms() const {
  auto connection = readers_.take();
  std::optional<std::int64_t> oldest;
  {
    Query query = (*connection).query("SELECT min_ms FROM keyframe ORDER BY min_ms LIMIT 1");
    if (query.step()) oldest = query.integer(0);
  }
  Query query = (*connection).query("SELECT min_ms FROM pack WHERE tier=0 ORDER BY end_ms LIMIT 1");
  if (query.step()) oldest = std::min(oldest.value_or(INT64_MAX), query.integer(0));
  return oldest;
}

std::uint64_t StoreReader::samples_at_most(HostId host, TimeSpan span) const {
  auto connection = readers_.take();
  Query query =
      (*connection)
          .query(
              "SELECT (SELECT total(points) FROM keyframe WHERE host_id=?1 AND min_ms<=?3 AND"
              " max_ms>=?2) + (SELECT total(samples) FROM pack WHERE host_id=?1 AND tier=0 AND"
              " end_ms>=?2 AND end_ms-span_ms<?3)");
  query.with(std::int64_t{static_cast<std::uint32_t>(host)}, span.start_ms, span.end_ms);
  return query.step() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
}

namespace {

std::vector<std::shared_ptr<const HeadBlock>> blocks_of_group(Connection& connection,
                                                              std::int64_t keyframe,
                                                              std::int64_t run,
                                                              const SeriesList& series) {
  std::vector<std::shared_ptr<const HeadBlock>> blocks;
  HeadBlockBuilder builder;
  std::uint64_t last_seq = 0;
  const auto seal = [&] {
    if (builder.ticks() == 0) return;
    blocks.push_back(builder.build(run, last_seq, series));
    builder.clear();
  };
  visit_group(connection, keyframe, UINT64_MAX, [&](const JournalRow& row) {
    if (row.batch->slots > series->size()) return;
    for (std::size_t first = 0; first < row.batch->ticks();) {
      if (builder.room() == 0) seal();
      const std::size_t count = std::min(builder.room(), row.batch->ticks() - first);
      builder.add(*row.batch, first, count, row.accepted);
      last_seq = row.seq;
      first += count;
    }
  });
  seal();
  return blocks;
}

}  // namespace

void rebuild_head(Connection& connection, Head& head, std::int64_t oldest_ms,
                  std::chrono::milliseconds patience) {
  // Old groups in a row after which there will hardly be newer ones.
  constexpr int kMostOld = 1000;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::set<std::int64_t> closed;  // runs with an older group on disk only
  std::map<std::int64_t, SeriesList> slots;
  int old = 0;
  Query query =
      connection.query("SELECT id, host_id, run_id, seq, max_ms FROM keyframe ORDER BY id DESC");
  while (old < kMostOld && !head.full() && std::chrono::steady_clock::now() < deadline &&
         query.step()) {
    const std::int64_t run = query.integer(2);
    if (query.integer(4) < oldest_ms) closed.insert(run);
    ++old;
    if (closed.contains(run)) continue;
    old = 0;
    SeriesList& series = slots[run];
    if (series == nullptr) series = load_slots(connection, run);
    head.prepend(HostId(static_cast<std::uint32_t>(query.integer(1))),
                 blocks_of_group(connection, query.integer(0), run, series),
                 static_cast<std::uint64_t>(query.integer(3)) - 1);
  }
}

}  // namespace volta
