#include "store/foreign_journal.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>

#include "base/log.hpp"
#include "store/row_hold.hpp"

namespace volta {
namespace {

constexpr std::chrono::hours kForeignSeriesLook{24};
// Not at once after a start, which has better things to do.
constexpr std::chrono::hours kFirstForeignSeriesLook{1};
constexpr std::int64_t kRowsOfScan = 64;
constexpr std::size_t kSeriesOfSlice = 4096;

}  // namespace

ForeignJournal::ForeignJournal(Connection& connection, SeriesTable& series, ForeignHead& head)
    : connection_(connection), series_(series), head_(head) {}

bool ForeignJournal::insert(const ForeignEntry& entry, std::int64_t& accepted) {
  if (entry.forgotten != series_.forgotten() && !series_.knows(entry.series)) return false;
  for (SeriesTable::Record& record : series_.unstored(entry.series)) {
    SeriesTable::insert(connection_, *record);
    new_series_.push_back(std::move(record));
  }
  for (const EncodedForeignRow& row : entry.rows) {
    connection_.query("INSERT INTO foreign_row VALUES (?,?,?,?,?,?)")
        .with(++accepted, row.row->min_ms, row.row->max_ms,
              static_cast<std::int64_t>(row.row->points()), std::span<const std::byte>(row.series),
              std::span<const std::byte>(row.payload))
        .run();
    inserted_.push_back({accepted, row.row});
  }
  return true;
}

void ForeignJournal::committed() {
  series_.mark_stored(new_series_);
  for (const Inserted& inserted : inserted_) {
    head_.append(inserted.id, inserted.row);
    if (scanned_to_) in_use_.insert(inserted.row->series.begin(), inserted.row->series.end());
  }
  new_series_.clear();
  inserted_.clear();
}

void ForeignJournal::rolled_back() {
  new_series_.clear();
  inserted_.clear();
}

std::optional<std::int64_t> ForeignJournal::oldest_ms() {
  Query query = connection_.query("SELECT max_ms FROM foreign_row ORDER BY max_ms LIMIT 1");
  if (!query.step()) return std::nullopt;
  return query.integer(0);
}

bool ForeignJournal::drop(std::int64_t cutoff_ms, std::size_t most) {
  std::vector<std::int64_t> ids;
  {
    Query query =
        connection_.query("SELECT id FROM foreign_row WHERE max_ms<=? ORDER BY max_ms LIMIT ?");
    query.with(cutoff_ms, static_cast<std::int64_t>(most));
    while (query.step()) ids.push_back(query.integer(0));
  }
  if (ids.empty()) return false;
  Transaction transaction(connection_);
  note_forgotten(connection_, *std::max_element(ids.begin(), ids.end()));
  for (const std::int64_t id : ids) {
    connection_.query("DELETE FROM foreign_row WHERE id=?").with(id).run();
  }
  transaction.commit();
  head_.forget(ids);
  return true;
}

bool ForeignJournal::drop_series(std::chrono::nanoseconds now) {
  if (!next_look_) next_look_ = now + kFirstForeignSeriesLook;
  if (!scanned_to_) {
    if (now < *next_look_) return false;
    next_look_ = now + kForeignSeriesLook;
    scanned_to_ = 0;
    in_use_.clear();
  }
  if (scan() || forget_unused()) return true;
  scanned_to_.reset();
  in_use_ = {};
  return false;
}

// The next rows; false: there are none. Rows that are committed meanwhile tell of themselves.
bool ForeignJournal::scan() {
  Query query =
      connection_.query("SELECT id, series FROM foreign_row WHERE id>? ORDER BY id LIMIT ?");
  query.with(*scanned_to_, kRowsOfScan);
  bool any = false;
  std::vector<SeriesId> series;
  while (query.step()) {
    any = true;
    scanned_to_ = query.integer(0);
    if (decode_series_list(query.blob(1), series)) in_use_.insert(series.begin(), series.end());
  }
  return any;
}

// Out of memory first, as for the series of hosts (Retention::drop_series_of).
bool ForeignJournal::forget_unused() {
  std::vector<SeriesId> unused;
  for (const SeriesId id : series_.ids(kNoHost)) {
    if (!in_use_.contains(id)) unused.push_back(id);
  }
  const std::vector<SeriesId> gone = series_.forget_idle(unused, kSeriesOfSlice);
  if (gone.empty()) return false;
  Transaction transaction(connection_);
  for (const SeriesId id : gone) {
    connection_.query("DELETE FROM series WHERE id=?")
        .with(std::int64_t{static_cast<std::uint32_t>(id)})
        .run();
  }
  transaction.commit();
  return true;
}

void rebuild_foreign_head(Connection& connection, ForeignHead& head,
                          std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  head.set_floor(connection.number("SELECT max(id) FROM foreign_row"));
  ForeignRowCodec codec;
  Query query = connection.query(
      "SELECT id, min_ms, max_ms, series, payload FROM foreign_row ORDER BY id DESC");
  bool more = query.step();
  while (more && std::chrono::steady_clock::now() < deadline) {
    const std::int64_t id = query.integer(0);
    auto row = std::make_shared<ForeignRow>();
    row->min_ms = query.integer(1);
    row->max_ms = query.integer(2);
    const bool valid = codec.decode(query.blob(3), query.blob(4), *row);
    if (!valid) *row = ForeignRow{1, 0, {}, {}, {}, {}, {}, {}};  // overlaps nothing
    more = query.step();
    if (!head.prepend(id, row, more ? query.integer(0) : 0)) break;
  }
}

namespace {

// The asked series, each with what was found of it so far, in the order of acceptance.
class ForeignRead {
 public:
  ForeignRead(std::span<const SeriesId> series, TimeSpan span);
  [[nodiscard]] bool wants_any(std::span<const SeriesId> row) const;
  void add(const ForeignRow& row);
  std::vector<SampleColumn> finish(std::span<const SeriesId> series);

 private:
  struct Growing {
    std::vector<std::int64_t> times_ms;
    std::vector<double> values;
  };
  static void settle(Growing& column);
  void add(const ForeignRow& row, std::size_t place, Growing& column) const;

  TimeSpan span_;
  std::vector<SeriesId> ids_;  // rising, each once
  std::vector<Growing> columns_;
};

ForeignRead::ForeignRead(std::span<const SeriesId> series, TimeSpan span)
    : span_(span), ids_(series.begin(), series.end()) {
  std::sort(ids_.begin(), ids_.end());
  ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
  columns_.resize(ids_.size());
}

bool ForeignRead::wants_any(std::span<const SeriesId> row) const {
  auto wanted = ids_.begin();
  for (const SeriesId id : row) {
    wanted = std::lower_bound(wanted, ids_.end(), id);
    if (wanted == ids_.end()) return false;
    if (*wanted == id) return true;
  }
  return false;
}

void ForeignRead::add(const ForeignRow& row, std::size_t place, Growing& column) const {
  const auto times = row.times(place);
  const auto bits = row.bits(place);
  const auto first = std::lower_bound(times.begin(), times.end(), span_.start_ms);
  for (auto at = static_cast<std::size_t>(first - times.begin()); at < times.size(); ++at) {
    if (times[at] > span_.end_ms) break;
    column.times_ms.push_back(times[at]);
    column.values.push_back(std::bit_cast<double>(bits[at]));
  }
}

void ForeignRead::add(const ForeignRow& row) {
  const auto& series = row.series;
  if (ids_.size() * 8 < series.size()) {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      const auto [first, last] = std::equal_range(series.begin(), series.end(), ids_[i]);
      for (auto at = first; at != last; ++at) {
        add(row, static_cast<std::size_t>(at - series.begin()), columns_[i]);
      }
    }
    return;
  }
  std::size_t wanted = 0;
  for (std::size_t place = 0; place < series.size(); ++place) {
    while (wanted < ids_.size() && ids_[wanted] < series[place]) ++wanted;
    if (wanted == ids_.size()) return;
    if (ids_[wanted] == series[place]) add(row, place, columns_[wanted]);
  }
}

// In rising time, of several for one time the last.
void ForeignRead::settle(Growing& column) {
  const auto& times = column.times_ms;
  if (std::adjacent_find(times.begin(), times.end(), std::greater_equal<>()) == times.end()) return;
  std::vector<std::uint32_t> order(times.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return times[a] < times[b]; });
  Growing settled;
  for (const std::uint32_t at : order) {
    if (settled.times_ms.empty() || settled.times_ms.back() != times[at]) {
      settled.times_ms.push_back(times[at]);
      settled.values.push_back(column.values[at]);
    } else {
      settled.values.back() = column.values[at];
    }
  }
  column = std::move(settled);
}

std::vector<SampleColumn> ForeignRead::finish(std::span<const SeriesId> series) {
  for (Growing& column : columns_) settle(column);
  std::vector<SampleColumn> out;
  out.reserve(series.size());
  for (const SeriesId id : series) {
    const auto at = std::lower_bound(ids_.begin(), ids_.end(), id) - ids_.begin();
    const Growing& column = columns_[static_cast<std::size_t>(at)];
    out.push_back({id, column.times_ms, column.values});
  }
  return out;
}

// Each row in a read transaction of its own, so that a long read never keeps the WAL from being
// reset.
void read_journal(Connection& connection, TimeSpan span, std::int64_t floor, ForeignRead& reading) {
  std::vector<std::int64_t> ids;
  {
    Query query = connection.query("SELECT id FROM foreign_row WHERE max_ms>=? AND min_ms<=?");
    query.with(span.start_ms, span.end_ms);
    while (query.step()) {
      if (query.integer(0) <= floor) ids.push_back(query.integer(0));
    }
  }
  std::sort(ids.begin(), ids.end());
  ForeignRowCodec codec;
  ForeignRow row;
  std::vector<SeriesId> series;
  for (const std::int64_t id : ids) {
    Query query =
        connection.query("SELECT min_ms, max_ms, series, payload FROM foreign_row WHERE id=?");
    query.with(id);
    if (!query.step()) continue;  // deleted meanwhile
    row.min_ms = query.integer(0);
    row.max_ms = query.integer(1);
    bool valid = decode_series_list(query.blob(2), series);
    if (valid && !reading.wants_any(series)) continue;
    valid = valid && codec.decode(query.blob(2), query.blob(3), row);
    if (valid) {
      reading.add(row);
    } else {
      log::warning("a row of foreign samples is damaged and passed over", {{"row", id}});
    }
  }
}

}  // namespace

std::vector<SampleColumn> ForeignReader::read(std::span<const SeriesId> series,
                                              TimeSpan span) const {
  ForeignRead reading(series, span);
  // The head first: what it lets go of from now on is in the journal, but not the other way round.
  const ForeignHead::Snapshot snapshot = head_.snapshot(span);
  if (snapshot.floor > 0) {
    auto connection = readers_.take();
    read_journal(*connection, span, snapshot.floor, reading);
  }
  for (const auto& row : snapshot.rows) reading.add(*row);
  return reading.finish(series);
}

std::uint64_t ForeignReader::samples_at_most(TimeSpan span) const {
  auto connection = readers_.take();
  Query query =
      (*connection).query("SELECT total(points) FROM foreign_row WHERE max_ms>=? AND min_ms<=?");
  query.with(span.start_ms, span.end_ms);
  return query.step() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
}

std::optional<std::int64_t> ForeignReader::oldest_ms() const {
  // Rows are short in time: the one that begins first is among those that end first.
  constexpr std::int64_t kLooked = 100;
  auto connection = readers_.take();
  Query query =
      (*connection).query("SELECT min_ms FROM foreign_row ORDER BY max_ms, min_ms LIMIT ?");
  query.with(kLooked);
  std::optional<std::int64_t> oldest;
  while (query.step()) oldest = std::min(oldest.value_or(INT64_MAX), query.integer(0));
  return oldest;
}

}  // namespace volta
