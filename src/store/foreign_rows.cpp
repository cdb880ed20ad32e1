#include "store/foreign_rows.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

#include "base/log.hpp"
#include "store/pack_rows.hpp"
#include "store/series_index.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

constexpr int kMostReadTries = 6;
constexpr std::chrono::minutes kReadPatience{10};

// Each query meets them again: ever rarer lines.
void log_damaged(std::int64_t row) {
  static std::atomic<std::uint64_t> met{0};
  const std::uint64_t count = ++met;
  if (!std::has_single_bit(count)) return;
  log::error("a row of foreign samples is damaged and passed over",
             {{"row", row}, {"met_so_far", count}});
}

}  // namespace

std::vector<ForeignRowSpan> find_foreign_rows(Connection& connection, TimeSpan span,
                                              std::int64_t last) {
  std::vector<ForeignRowSpan> rows;
  Query query = connection.query(
      "SELECT id, min_ms, max_ms FROM foreign_row WHERE max_ms>=? AND min_ms<=? AND id>0"
      " AND id<=?");
  query.with(span.start_ms, span.end_ms, last);
  while (query.step()) rows.push_back({query.integer(0), query.integer(1), query.integer(2)});
  std::sort(rows.begin(), rows.end(),
            [](const ForeignRowSpan& a, const ForeignRowSpan& b) { return a.id < b.id; });
  return rows;
}

std::vector<ForeignRowSpan> oldest_foreign_rows(Connection& connection, std::int64_t cutoff_ms,
                                                std::size_t most) {
  std::vector<ForeignRowSpan> rows;
  Query query = connection.query(
      "SELECT id, min_ms, max_ms FROM foreign_row WHERE max_ms<=? ORDER BY max_ms LIMIT ?");
  query.with(cutoff_ms, static_cast<std::int64_t>(most));
  while (query.step()) rows.push_back({query.integer(0), query.integer(1), query.integer(2)});
  return rows;
}

std::optional<std::int64_t> lost_with(Connection& connection,
                                      std::span<const ForeignRowSpan> rows) {
  std::optional<std::int64_t> lost;
  for (const ForeignRowSpan& row : rows) {
    const std::int64_t first = window_end_ms(row.min_ms, kWindowMs);
    const std::int64_t next = first > INT64_MAX - kWindowMs ? first : first + kWindowMs;
    const std::int64_t last = std::min(next, window_end_ms(row.max_ms, kWindowMs));
    const SealMarks marks = SealMarks::read(connection, kNoHost, {first, last});
    for (const std::int64_t end : {first, last}) {
      if (marks.accepted(end) >= row.id) continue;
      lost = std::max(lost.value_or(INT64_MIN), std::min(end, row.max_ms));
    }
  }
  return lost;
}

bool is_wide(const ForeignRowSpan& row) {
  const std::int64_t first = window_end_ms(row.min_ms, kWindowMs);
  return first <= INT64_MAX - kWindowMs && window_end_ms(row.max_ms, kWindowMs) > first + kWindowMs;
}

std::vector<std::int64_t> windows_of_row(const ForeignRow& row) {
  std::vector<std::int64_t> ends;
  for (const std::int64_t time : row.times_ms) {
    const std::int64_t end = window_end_ms(time, kWindowMs);
    if (ends.empty() || ends.back() != end) ends.push_back(end);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

bool RowPatience::gives_up(std::int64_t row) {
  const auto now = clock_.monotonic();
  Tries& tries = failed_.try_emplace(row, Tries{0, now}).first->second;
  return ++tries.count >= kMostReadTries && now - tries.since >= kReadPatience;
}

template <typename Read>
ForeignRowReader::Found ForeignRowReader::guarded(std::int64_t id, Read read) {
  Found found = Found::damaged;
  try {
    found = read();
  } catch (const SqliteFailure& failure) {
    if (!failure.damaged() && (patience_ == nullptr || !patience_->gives_up(id))) throw;
  }
  if (found == Found::damaged) log_damaged(id);
  return found;
}

ForeignRowReader::Found ForeignRowReader::read(std::int64_t id, const Wants& wants,
                                               ForeignRow& row) {
  const Found found = guarded(id, [&] { return read_stored(id, wants, row); });
  if (found != Found::damaged && patience_ != nullptr) patience_->was_read(id);
  return found;
}

ForeignRowReader::Found ForeignRowReader::read_series(std::int64_t id,
                                                      std::vector<SeriesId>& series) {
  return guarded(id, [&] { return read_stored_series(id, series); });
}

ForeignRowReader::Found ForeignRowReader::read_stored(std::int64_t id, const Wants& wants,
                                                      ForeignRow& row) {
  Query query =
      connection_.query("SELECT min_ms, max_ms, series, payload FROM foreign_row WHERE id=?");
  query.with(id);
  if (!query.step()) return Found::gone;
  bool valid = decode_series_list(query.blob(2), series_);
  if (valid && !wants(series_)) return Found::unwanted;
  row.min_ms = query.integer(0);
  row.max_ms = query.integer(1);
  valid = valid && codec_.decode(query.blob(2), query.blob(3), row);
  return valid ? Found::samples : Found::damaged;
}

ForeignRowReader::Found ForeignRowReader::read_stored_series(std::int64_t id,
                                                             std::vector<SeriesId>& series) {
  Query query = connection_.query("SELECT series FROM foreign_row WHERE id=?");
  query.with(id);
  if (!query.step()) return Found::gone;
  return decode_series_list(query.blob(0), series) ? Found::samples : Found::damaged;
}

}  // namespace volta
