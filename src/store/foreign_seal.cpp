#include "store/foreign_seal.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_set>

#include "base/log.hpp"
#include "store/run_table.hpp"
#include "store/series_index.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

using std::chrono::nanoseconds;

// Entries that wait to be sealed, some 120 bytes each at most.
constexpr std::size_t kMostNews = 200'000;
constexpr std::size_t kMostDue = 500;
constexpr std::int64_t kRowsOfLook = 1000;
constexpr std::size_t kRowsOfSweep = 64;
constexpr std::size_t kMostWideBytes = 32U << 20U;
// After hosts', which are sealed over a minute, one after the other.
constexpr std::int64_t kForeignStaggerMs = 30'000;
// Samples that come when their window is over or sealed are an import, or a sender that makes up
// for an outage: they are sealed when no more came for a while, or have waited long.
constexpr nanoseconds kForeignQuiet = std::chrono::seconds(60);
constexpr nanoseconds kForeignLongestWait = std::chrono::minutes(10);
// Further ahead than the sink lets in: the clock was wrong when they came.
constexpr std::int64_t kForeignFarAheadMs = 48 * kWindowMs;

bool wants_all(std::span<const SeriesId> /*series*/) { return true; }

// What a row says, as far as it can be true.
std::size_t points_of(std::int64_t said) {
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(said, 0, static_cast<std::int64_t>(kMostRowPoints)));
}

// Nothing of a row that is gone; whether it can be read is found out later.
std::size_t points_at_most(Connection& connection, std::int64_t id) {
  try {
    Query query = connection.query("SELECT points FROM foreign_row WHERE id=?");
    return query.with(id).step() ? points_of(query.integer(0)) : 0;
  } catch (const SqliteFailure&) {
    return kMostRowPoints;
  }
}

bool ends_before(std::int64_t time, std::int64_t end_ms) {
  return window_end_ms(time, kWindowMs) < end_ms;
}

// Of many lists of series, all that is in them. A sender's requests repeat a few lists.
class SeriesUnion {
 public:
  void add(const std::vector<SeriesId>& series) {
    if (lists_.contains(series)) return;
    all_.insert(series.begin(), series.end());
    if (listed_ + series.size() > kMostListed) return;
    listed_ += series.size();
    lists_.insert(series);
  }
  // Rising.
  [[nodiscard]] std::vector<SeriesId> all() const {
    std::vector<SeriesId> sorted(all_.begin(), all_.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

 private:
  static constexpr std::size_t kMostListed = 2'000'000;
  std::unordered_set<SeriesId> all_;
  std::set<std::vector<SeriesId>> lists_;
  std::size_t listed_ = 0;
};

// The series of a table by rising id, each with its column.
class ColumnFinder {
 public:
  ColumnFinder(const SampleTable& table, std::span<const SeriesId> candidates) {
    for (const SeriesId id : candidates) {
      if (const auto column = table.find(id)) columns_.emplace_back(id, *column);
    }
  }
  [[nodiscard]] bool empty() const { return columns_.empty(); }
  [[nodiscard]] SeriesId first() const { return columns_.front().first; }
  [[nodiscard]] SeriesId last() const { return columns_.back().first; }
  // Begins anew: the ids that are asked for from here on rise.
  void rewind() { at_ = 0; }
  // Mostly the next one.
  std::optional<std::uint32_t> find(SeriesId id) {
    if (at_ < columns_.size() && columns_[at_].first < id) ++at_;
    if (at_ < columns_.size() && columns_[at_].first < id) {
      const auto from = columns_.begin() + static_cast<std::ptrdiff_t>(at_);
      const auto before = [](const auto& column, SeriesId wanted) { return column.first < wanted; };
      at_ = static_cast<std::size_t>(std::lower_bound(from, columns_.end(), id, before) -
                                     columns_.begin());
    }
    if (at_ == columns_.size() || columns_[at_].first != id) return std::nullopt;
    return columns_[at_].second;
  }

 private:
  std::vector<std::pair<SeriesId, std::uint32_t>> columns_;
  std::size_t at_ = 0;
};

}  // namespace

// The rows of one window.
class ForeignSource final : public SealSource {
 public:
  ForeignSource(ForeignSealer& sealer, const SealWindow& window)
      : sealer_(sealer), window_(window), reader_(sealer.parts_.connection, &sealer.patience_) {}
  Found find() override;
  void gather(SampleTable& table) override;

 private:
  void find_rows(Found& found);
  void gather_row(std::int64_t id, const ForeignRow& row, ColumnFinder& finder,
                  SampleTable& table) const;
  void keep_wide(std::int64_t id, ForeignRow& row);

  ForeignSealer& sealer_;
  const SealWindow window_;
  ForeignRowReader reader_;
  std::vector<std::int64_t> rows_;  // rising
  // [row] The first and the last of its series; of a row without samples to read SeriesId{}.
  std::vector<std::pair<SeriesId, SeriesId>> reach_;
  std::vector<SeriesId> series_;  // of all rows; rising
};

void ForeignSource::find_rows(Found& found) {
  Connection& connection = sealer_.parts_.connection;
  {
    Query query = connection.query(
        "SELECT id, points FROM foreign_row WHERE max_ms>? AND max_ms<=? AND id>? AND id<=?");
    query.with(window_start_ms(window_.end_ms), window_.end_ms, window_.after, found.accepted);
    while (query.step()) {
      rows_.push_back(query.integer(0));
      found.points += points_of(query.integer(1));
    }
  }
  const auto news = sealer_.news_.find(window_.end_ms);
  if (news != sealer_.news_.end()) {
    for (const std::int64_t id : news->second.reaching) {
      if (id <= window_.after) continue;
      rows_.push_back(id);
      found.points += points_at_most(connection, id);
    }
  }
  std::sort(rows_.begin(), rows_.end());
  rows_.erase(std::unique(rows_.begin(), rows_.end()), rows_.end());
}

SealSource::Found ForeignSource::find() {
  Found found;
  found.accepted = sealer_.looked_to_;
  find_rows(found);
  SeriesUnion seen;
  std::vector<SeriesId> series;
  for (const std::int64_t id : rows_) {
    series.clear();
    if (reader_.read_series(id, series) == ForeignRowReader::Found::damaged) {
      sealer_.damaged_.insert(id);
      series.clear();
    }
    reach_.emplace_back();
    if (series.empty()) continue;
    reach_.back() = {series.front(), series.back()};
    seen.add(series);
  }
  series_ = seen.all();
  for (const SeriesId id : series_) {
    const auto record = sealer_.parts_.series.record(id);
    if (record != nullptr && record->host == kNoHost) {
      found.series.push_back({record, static_cast<std::uint32_t>(id)});
    }
  }
  return found;
}

void ForeignSource::gather(SampleTable& table) {
  ColumnFinder finder(table, series_);
  if (finder.empty()) return;
  const auto wants = [&](std::span<const SeriesId> series) {
    finder.rewind();
    return std::any_of(series.begin(), series.end(),
                       [&](SeriesId id) { return finder.find(id).has_value(); });
  };
  ForeignRow row;
  for (std::size_t at = 0; at < rows_.size(); ++at) {
    const auto [first, last] = reach_[at];
    if (last < finder.first() || first > finder.last()) continue;
    const std::int64_t id = rows_[at];
    const auto known = sealer_.wide_.decoded.find(id);
    if (known != sealer_.wide_.decoded.end()) {
      gather_row(id, *known->second, finder, table);
      continue;
    }
    const auto read = reader_.read(id, wants, row);
    if (read == ForeignRowReader::Found::damaged) sealer_.damaged_.insert(id);
    if (read != ForeignRowReader::Found::samples) continue;
    gather_row(id, row, finder, table);
    keep_wide(id, row);
  }
}

void ForeignSource::gather_row(std::int64_t id, const ForeignRow& row, ColumnFinder& finder,
                               SampleTable& table) const {
  // Of each time column that was met: its first time inside, how many there are, and the first of
  // their ticks, which follow one another.
  struct Ticks {
    std::size_t from = 0, count = 0;
    std::uint32_t first = 0;
    bool made = false;
  };
  std::vector<Ticks> columns(row.column_first.size());
  finder.rewind();
  const auto begin = std::lower_bound(row.series.begin(), row.series.end(), finder.first());
  for (auto place = static_cast<std::size_t>(begin - row.series.begin());
       place < row.series.size() && row.series[place] <= finder.last(); ++place) {
    const auto column = finder.find(row.series[place]);
    if (!column) continue;
    const auto times = row.times(place);
    Ticks& ticks = columns[row.column[place]];
    // A series' second place in a row was accepted after its first, whoever shares its times.
    const bool again = place > 0 && row.series[place - 1] == row.series[place];
    if (!ticks.made || again) {
      const auto from = std::partition_point(times.begin(), times.end(), [&](std::int64_t time) {
        return ends_before(time, window_.end_ms);
      });
      const auto to = std::upper_bound(from, times.end(), window_.end_ms);
      ticks = {static_cast<std::size_t>(from - times.begin()), static_cast<std::size_t>(to - from),
               0, true};
      for (auto at = from; at != to; ++at) {
        const std::uint32_t tick = table.tick(*at, id);
        if (at == from) ticks.first = tick;
      }
    }
    const auto bits = row.bits(place);
    for (std::size_t i = 0; i < ticks.count; ++i) {
      table.add(*column, ticks.first + static_cast<std::uint32_t>(i), bits[ticks.from + i]);
    }
  }
}

// The next window's job wants it, too.
void ForeignSource::keep_wide(std::int64_t id, ForeignRow& row) {
  auto& wide = sealer_.wide_;
  if (!is_wide({id, row.min_ms, row.max_ms})) return;
  if (wide.bytes + row.bytes() > kMostWideBytes) {
    std::erase_if(wide.decoded, [&](const auto& entry) {
      if (entry.second->max_ms > window_.end_ms) return false;
      wide.bytes -= entry.second->bytes();
      return true;
    });
  }
  if (wide.bytes + row.bytes() > kMostWideBytes) return;
  wide.bytes += row.bytes();
  wide.decoded[id] = std::make_unique<ForeignRow>(std::exchange(row, ForeignRow()));
}

std::unique_ptr<SealSource> ForeignSealer::source(const SealWindow& window) {
  return std::make_unique<ForeignSource>(*this, window);
}

std::vector<SealWindow> ForeignSealer::find_due(bool everything) {
  const bool failed_before = look_failure_ != nullptr;
  look_failure_ = nullptr;
  try {
    look_at_new_rows();
  } catch (const SqliteFailure& failure) {
    look_failure_ = std::current_exception();
    if (!failed_before) {
      log::error("a row of foreign samples cannot be read now; it and later ones are sealed later",
                 {{"after_row", looked_to_}, {"error", std::string_view(failure.what())}});
    }
  }
  sealed_some_ = false;
  const std::int64_t cutoff = parts_.ages.cutoff_ms(Tier::raw);
  std::vector<SealWindow> due;
  for (const auto& [end, news] : news_) {
    if (!everything && due.size() == kMostDue) break;
    if (!everything && !is_due(end, news)) continue;
    due.push_back({kNoHost, end, news.sealed_to, end <= cutoff, false});
  }
  return due;
}

bool ForeignSealer::is_due(std::int64_t end, const News& news) const {
  const nanoseconds now = parts_.clock.monotonic();
  const std::int64_t wall = parts_.clock.wall_ms();
  if (news.retry.waits(now)) return false;
  const bool waited = now - news.since >= kForeignLongestWait;
  if (end > wall && end - wall > kForeignFarAheadMs) return waited;
  if (end > wall - limits_.grace_ms - kForeignStaggerMs) return false;
  return !news.late || waited || now - news.changed >= kForeignQuiet;
}

void ForeignSealer::look_at_new_rows() {
  const std::int64_t last = last_row();
  full_ = false;
  while (looked_to_ < last) {
    const std::vector<ForeignRowSpan> rows = next_rows(last);
    if (rows.empty()) break;
    for (const ForeignRowSpan& row : rows) {
      full_ = known_ >= kMostNews;
      if (full_) return;
      look_at(row);
      looked_to_ = row.id;
    }
  }
  looked_to_ = std::max(looked_to_, last);
}

std::int64_t ForeignSealer::last_row() const {
  Query query = parts_.connection.query("SELECT max(id) FROM foreign_row WHERE id<=?");
  query.with(kMostAccepted);
  return query.step() ? query.integer(0) : 0;
}

std::vector<ForeignRowSpan> ForeignSealer::next_rows(std::int64_t last) const {
  std::vector<ForeignRowSpan> rows;
  bool whole = false;
  try {
    Query query = parts_.connection.query(
        "SELECT id, min_ms, max_ms FROM foreign_row WHERE id>? AND id<=? ORDER BY id LIMIT ?");
    query.with(looked_to_, last, kRowsOfLook);
    std::int64_t before = looked_to_;
    bool rise = true;
    while (query.step()) {
      rows.push_back({query.integer(0), query.integer(1), query.integer(2)});
      rise = rise && before < rows.back().id;
      before = rows.back().id;
    }
    // One with a wrong number hides those behind it.
    whole = rise && (std::ssize(rows) == kRowsOfLook || before == last);
  } catch (const SqliteFailure&) {  // a page of small rows is broken
  }
  if (!whole) {  // the index has all that is asked for here
    rows = find_foreign_rows(parts_.connection, {INT64_MIN, INT64_MAX}, last);
    std::erase_if(rows, [&](const ForeignRowSpan& row) { return row.id <= looked_to_; });
  }
  return rows;
}

void ForeignSealer::look_at(const ForeignRowSpan& row) {
  bool is_news = false;
  for (const std::int64_t end : windows_of(row)) is_news = note(row, end) || is_news;
  if (is_news) return;
  // Sealed before we began. If it does not decode, packs do not have what it held.
  may_sweep_ = true;
  ForeignRow decoded;
  ForeignRowReader reader(parts_.connection, &patience_);
  if (reader.read(row.id, wants_all, decoded) == ForeignRowReader::Found::damaged) {
    damaged_.insert(row.id);
  }
}

std::vector<std::int64_t> ForeignSealer::windows_of(const ForeignRowSpan& row) {
  const std::int64_t first = window_end_ms(row.min_ms, kWindowMs);
  const std::int64_t last = window_end_ms(row.max_ms, kWindowMs);
  if (first == last) return {first};
  if (!is_wide(row)) return {first, last};
  ForeignRow decoded;
  ForeignRowReader reader(parts_.connection, &patience_);
  switch (reader.read(row.id, wants_all, decoded)) {
    case ForeignRowReader::Found::samples:
      return windows_of_row(decoded);
    case ForeignRowReader::Found::damaged:
      damaged_.insert(row.id);
      break;
    default:
      break;
  }
  return {};
}

bool ForeignSealer::note(const ForeignRowSpan& row, std::int64_t end) {
  auto found = news_.find(end);
  const nanoseconds now = parts_.clock.monotonic();
  if (found == news_.end()) {
    const std::int64_t sealed_to =
        SealMarks::read(parts_.connection, kNoHost, {end, end}).accepted(end);
    if (sealed_to >= row.id) return false;
    found = news_.emplace(end, News{}).first;
    found->second.sealed_to = sealed_to;
    found->second.since = now;
    found->second.late = sealed_to != 0 || end <= parts_.clock.wall_ms();
    ++known_;
  }
  News& news = found->second;
  if (news.sealed_to >= row.id) return false;
  news.newest = row.id;
  news.changed = now;
  if (window_end_ms(row.max_ms, kWindowMs) == end) return true;
  news.reaching.push_back(row.id);
  ++known_;
  return true;
}

void ForeignSealer::note_sealed(const SealWindow& window, std::int64_t accepted) {
  may_sweep_ = true;
  sealed_some_ = true;
  const auto found = news_.find(window.end_ms);
  if (found == news_.end()) return;
  found->second.sealed_to = std::max(found->second.sealed_to, accepted);
  found->second.retry = {};
  if (found->second.newest > accepted) return;
  known_ -= 1 + found->second.reaching.size();
  news_.erase(found);
}

int ForeignSealer::failed(const SealWindow& window) {
  const auto found = news_.find(window.end_ms);
  return found == news_.end() ? 1 : found->second.retry.failed(parts_.clock.monotonic());
}

// Of a wide row that asks more than it must: between its windows may be others that have news, and
// then it waits for these.
bool ForeignSealer::is_copy(const ForeignRowSpan& row) const {
  if (damaged_.contains(row.id)) return false;
  for (auto at = news_.lower_bound(window_end_ms(row.min_ms, kWindowMs));
       at != news_.end() && at->first <= window_end_ms(row.max_ms, kWindowMs); ++at) {
    if (at->second.sealed_to < row.id) return false;
  }
  return true;
}

bool ForeignSealer::is_lost(const ForeignRowSpan& row, std::int64_t cutoff_ms) const {
  return damaged_.contains(row.id) && window_end_ms(row.max_ms, kWindowMs) <= cutoff_ms;
}

void ForeignSealer::sweep(const std::function<bool()>& stop) {
  wide_ = {};
  const std::int64_t cutoff = parts_.ages.cutoff_ms(Tier::raw);
  if (!may_sweep_ && damaged_.empty()) return;
  std::vector<std::int64_t> rows;
  std::size_t lost = 0;
  bool held = false;
  for (const ForeignRowSpan& row :
       find_foreign_rows(parts_.connection, {INT64_MIN, INT64_MAX}, looked_to_)) {
    const bool copy = is_copy(row);
    if (stuck_.contains(row.id) || (!copy && !is_lost(row, cutoff))) continue;
    if (!parts_.hold.lets_go(row.id)) {
      held = true;
      continue;
    }
    if (!copy) ++lost;
    rows.push_back(row.id);
    if (rows.size() < kRowsOfSweep) continue;
    if (stop()) return;
    remove(rows);
    rows.clear();
  }
  if (!rows.empty()) remove(rows);
  may_sweep_ = held;
  if (lost > 0) {
    log::error("damaged rows of foreign samples are older than samples are kept and are let go",
               {{"rows", lost}});
  }
}

// Deleting a row reads the pages that it lies in.
void ForeignSealer::remove(std::span<const std::int64_t> rows) {
  try {
    remove_all(rows);
  } catch (const SqliteFailure& failure) {
    if (!failure.damaged()) throw;
    if (rows.size() > 1) {
      for (std::size_t i = 0; i < rows.size(); ++i) remove(rows.subspan(i, 1));
      return;
    }
    stuck_.insert(rows.front());
    damaged_gone_ += damaged_.erase(rows.front());
    log::error("a row of foreign samples lies under a broken page and cannot be deleted",
               {{"row", rows.front()}, {"error", std::string_view(failure.what())}});
  }
}

void ForeignSealer::remove_all(std::span<const std::int64_t> rows) {
  parts_.writer.call([&](Connection& connection) {
    for (const std::int64_t id : rows) {
      connection.query("DELETE FROM foreign_row WHERE id=?").with(id).run();
    }
    note_rows_forgotten(connection, rows);
  });
  parts_.head.forget(rows);
  for (const std::int64_t id : rows) damaged_gone_ += damaged_.erase(id);
}

}  // namespace volta
