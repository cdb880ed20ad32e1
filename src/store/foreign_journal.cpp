#include "store/foreign_journal.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "store/foreign_rows.hpp"
#include "store/pack_rows.hpp"
#include "store/row_hold.hpp"

namespace volta {
namespace {

constexpr std::chrono::hours kForeignSeriesLook{24};
// Not at once after a start, which has better things to do.
constexpr std::chrono::hours kFirstForeignSeriesLook{1};
constexpr std::int64_t kRowsOfScan = 64;
constexpr std::size_t kSeriesOfSlice = 4096;
// Of merged rows of tiers.
constexpr std::int64_t kLongestPackMs = 30LL * 24 * kWindowMs;

// 0: there is none. Empty: it lies on a broken page, or out of order.
std::optional<std::int64_t> row_before(Connection& connection, std::int64_t id) {
  try {
    Query query =
        connection.query("SELECT id FROM foreign_row WHERE id<? AND id>0 ORDER BY id DESC LIMIT 1");
    if (!query.with(id).step()) return 0;
    return query.integer(0) < id ? std::optional(query.integer(0)) : std::nullopt;
  } catch (const SqliteFailure& failure) {
    if (!failure.damaged()) throw;
    return std::nullopt;
  }
}

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

std::vector<ForeignRowSpan> ForeignJournal::oldest(std::int64_t cutoff_ms, std::size_t most) {
  auto rows = oldest_foreign_rows(connection_, cutoff_ms, most + stuck_.size());
  std::erase_if(rows, [&](const ForeignRowSpan& row) { return stuck_.contains(row.id); });
  if (rows.size() > most) rows.resize(most);
  return rows;
}

std::optional<std::int64_t> ForeignJournal::oldest_ms() {
  const auto rows = oldest(INT64_MAX, 1);
  if (rows.empty()) return std::nullopt;
  return rows.front().max_ms;
}

bool ForeignJournal::drop(std::int64_t cutoff_ms, std::size_t most) {
  std::vector<std::int64_t> ids;
  for (const ForeignRowSpan& row : oldest(cutoff_ms, most)) ids.push_back(row.id);
  if (ids.empty()) return false;
  try {
    remove(ids);
    return true;
  } catch (const SqliteFailure& failure) {
    if (!failure.damaged()) throw;
  }
  // Deleting a row reads the pages that it lies in, and one of them is broken.
  for (const std::int64_t& id : ids) {
    try {
      remove({&id, 1});
    } catch (const SqliteFailure& failure) {
      if (!failure.damaged()) throw;
      stuck_.insert(id);
      log::error("a row of foreign samples lies on a broken page and cannot be deleted",
                 {{"row", id}, {"error", failure.what()}});
    }
  }
  return true;
}

void ForeignJournal::remove(std::span<const std::int64_t> rows) {
  Transaction transaction(connection_);
  note_rows_forgotten(connection_, rows);
  for (const std::int64_t id : rows) {
    connection_.query("DELETE FROM foreign_row WHERE id=?").with(id).run();
  }
  transaction.commit();
  head_.forget(rows);
}

bool ForeignJournal::drop_series(std::chrono::nanoseconds now) {
  if (!next_look_) next_look_ = now + kFirstForeignSeriesLook;
  if (!scanned_to_) {
    if (now < *next_look_) return false;
    next_look_ = now + kForeignSeriesLook;
    scanned_to_ = 0;
    kept_to_ = 0;
    in_use_.clear();
  }
  if (scan()) return true;
  if (!scanned_to_) return false;
  if (scan_kept() || forget_unused()) return true;
  scanned_to_.reset();
  in_use_ = {};
  return false;
}

// The next rows; false: there are none, or the table is damaged and its rows lie out of order: then
// the scan is over, for nobody can tell what is in use. Rows that are committed meanwhile tell of
// themselves.
bool ForeignJournal::scan() {
  Query query =
      connection_.query("SELECT id, series FROM foreign_row WHERE id>? ORDER BY id LIMIT ?");
  query.with(*scanned_to_, kRowsOfScan);
  bool any = false;
  std::vector<SeriesId> series;
  while (query.step()) {
    if (query.integer(0) <= *scanned_to_) {
      scanned_to_.reset();
      return false;
    }
    any = true;
    scanned_to_ = query.integer(0);
    if (decode_series_list(query.blob(1), series)) in_use_.insert(series.begin(), series.end());
  }
  return any;
}

// The same for packs, after all rows: a row that was sealed and deleted before the scan met it has
// left its series there by now. What ended before the oldest pack began is in none.
bool ForeignJournal::scan_kept() {
  const std::int64_t oldest_end = connection_.number(
      "SELECT coalesce(min((SELECT end_ms FROM pack WHERE host_id=0 AND tier=column1"
      " ORDER BY end_ms LIMIT 1)), 9223372036854775807) FROM (VALUES (0), (1), (2))");
  const std::int64_t since =
      oldest_end < INT64_MIN + kLongestPackMs ? INT64_MIN : oldest_end - kLongestPackMs;
  if (oldest_end == INT64_MAX) return false;
  Query query = connection_.query(
      "SELECT series_id, until_ms FROM series_kept WHERE series_id>? ORDER BY series_id LIMIT ?");
  query.with(kept_to_, static_cast<std::int64_t>(kSeriesOfSlice));
  bool any = false;
  while (query.step()) {
    any = true;
    kept_to_ = query.integer(0);
    if (query.integer(1) > since) in_use_.insert(SeriesId(static_cast<std::uint32_t>(kept_to_)));
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
    const std::int64_t row = static_cast<std::uint32_t>(id);
    connection_.query("DELETE FROM series WHERE id=?").with(row).run();
    connection_.query("DELETE FROM series_kept WHERE series_id=?").with(row).run();
  }
  transaction.commit();
  return true;
}

void rebuild_foreign_head(Connection& connection, ForeignHead& head, std::int64_t newest,
                          std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::optional<std::int64_t> id = row_before(connection, newest + 1);
  head.set_floor(id.value_or(newest));
  const auto all = [](std::span<const SeriesId>) { return true; };
  ForeignRowReader reader(connection);
  while (id && *id != 0 && std::chrono::steady_clock::now() < deadline) {
    auto row = std::make_shared<ForeignRow>();
    if (reader.read(*id, all, *row) != ForeignRowReader::Found::samples) {
      *row = ForeignRow{1, 0, {}, {}, {}, {}, {}, {}};  // overlaps nothing
    }
    const auto next = row_before(connection, *id);
    if (!head.prepend(*id, row, next.value_or(*id - 1))) break;
    id = next;
  }
}

}  // namespace volta
