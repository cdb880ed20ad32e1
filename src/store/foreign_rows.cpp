#include "store/foreign_rows.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

#include "base/log.hpp"
#include "store/pack_rows.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

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
      "SELECT id, min_ms, max_ms FROM foreign_row WHERE max_ms>=? AND min_ms<=? AND id<=?");
  query.with(span.start_ms, span.end_ms, last);
  while (query.step()) rows.push_back({query.integer(0), query.integer(1), query.integer(2)});
  std::sort(rows.begin(), rows.end(),
            [](const ForeignRowSpan& a, const ForeignRowSpan& b) { return a.id < b.id; });
  return rows;
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

ForeignRowReader::Found ForeignRowReader::read(std::int64_t id, const Wants& wants,
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
  if (valid) return Found::samples;
  log_damaged(id);
  return Found::damaged;
}

ForeignRowReader::Found ForeignRowReader::read_series(std::int64_t id,
                                                      std::vector<SeriesId>& series) {
  Query query = connection_.query("SELECT series FROM foreign_row WHERE id=?");
  query.with(id);
  if (!query.step()) return Found::gone;
  if (decode_series_list(query.blob(0), series)) return Found::samples;
  log_damaged(id);
  return Found::damaged;
}

}  // namespace volta
