#include "store/pack_rows.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "store/run_table.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

constexpr std::int64_t kPacksOfOneRead = 64;
// Of broken columns that are told one by one; a disk that breaks more has said so by then.
constexpr std::size_t kMostColumnsLogged = 10'000;

std::int64_t row_number(HostId id) { return static_cast<std::uint32_t>(id); }
std::int64_t row_number(SeriesId id) { return static_cast<std::uint32_t>(id); }

constexpr const char* kPackRows =
    "SELECT id, tier, host_id, end_ms, span_ms, accepted, first_series, last_series, samples,"
    " min_ms, data FROM pack WHERE host_id=?1 AND tier=?2 AND (end_ms, accepted, id) > (?3, ?4, ?5)"
    " AND end_ms <= ?6 AND end_ms - span_ms < ?7 AND last_series >= ?8 AND first_series <= ?9"
    " ORDER BY end_ms, accepted, id LIMIT ?10";

std::int64_t plus(std::int64_t a, std::int64_t b) { return a > INT64_MAX - b ? INT64_MAX : a + b; }

}  // namespace

void insert_pack(Connection& connection, const NewPack& pack) {
  const PackRow& row = pack.row;
  connection
      .query(
          "INSERT INTO pack(tier, host_id, end_ms, span_ms, accepted, first_series, last_series,"
          " samples, min_ms, data) VALUES (?,?,?,?,?,?,?,?,?,?)")
      .with(static_cast<std::int64_t>(row.tier), row_number(row.host), row.end_ms, row.span_ms,
            row.accepted, row_number(row.first_series), row_number(row.last_series), row.samples,
            row.min_ms, std::span<const std::byte>(pack.data))
      .run();
}

PackRow read_pack_row(const Query& query) {
  PackRow row;
  row.id = query.integer(0);
  row.tier = static_cast<Tier>(std::clamp<std::int64_t>(query.integer(1), 0, 2));
  row.host = HostId(static_cast<std::uint32_t>(query.integer(2)));
  row.end_ms = query.integer(3);
  row.span_ms = query.integer(4);
  row.accepted = query.integer(5);
  row.first_series = SeriesId(static_cast<std::uint32_t>(query.integer(6)));
  row.last_series = SeriesId(static_cast<std::uint32_t>(query.integer(7)));
  row.samples = query.integer(8);
  row.min_ms = query.integer(9);
  return row;
}

void BadPacks::report(const PackRow& row, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!known_.insert(row.id).second) return;
    fresh_.emplace(row.id, reason);
  }
  ++packs_met_;
  log::error("a pack of the store is broken and is left out; the rest stays readable",
             {{"pack", row.id},
              {"tier", std::string(to_text(row.tier))},
              {"host", static_cast<std::uint32_t>(row.host)},
              {"end_ms", row.end_ms},
              {"samples", row.samples},
              {"reason", reason}});
}

void BadPacks::report_column(const PackRow& row, SeriesId series, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (row.tier == Tier::raw) with_columns_.try_emplace(row.id, WithColumns{row.end_ms, reason});
    if (columns_.size() >= kMostColumnsLogged) return;
    if (!columns_.emplace(row.id, series).second) return;
  }
  ++columns_met_;
  log::error("a column of a pack of the store is broken and is left out; the rest stays readable",
             {{"pack", row.id},
              {"tier", std::string(to_text(row.tier))},
              {"host", static_cast<std::uint32_t>(row.host)},
              {"end_ms", row.end_ms},
              {"series", static_cast<std::uint32_t>(series)},
              {"reason", reason}});
}

std::map<std::int64_t, std::string> BadPacks::with_columns(std::int64_t end_ms) const {
  const std::lock_guard lock(mutex_);
  std::map<std::int64_t, std::string> found;
  for (const auto& [id, pack] : with_columns_) {
    if (pack.end_ms == end_ms) found.emplace(id, pack.reason);
  }
  return found;
}

bool BadPacks::known(std::int64_t id) const {
  const std::lock_guard lock(mutex_);
  return known_.contains(id);
}

std::map<std::int64_t, std::string> BadPacks::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fresh_, {});
}

void BadPacks::give_back(const std::map<std::int64_t, std::string>& taken) {
  const std::lock_guard lock(mutex_);
  fresh_.insert(taken.begin(), taken.end());
}

void quarantine(Connection& connection, std::int64_t id, const std::string& reason,
                std::int64_t now_ms) {
  connection
      .query(
          "INSERT OR IGNORE INTO bad_pack SELECT id, tier, host_id, end_ms, span_ms, ?1, ?2, data"
          " FROM pack WHERE id=?3")
      .with(now_ms, std::string_view(reason), id)
      .run();
  connection.query("DELETE FROM pack WHERE id=?").with(id).run();
}

void visit_packs(Connection& connection, const PackRange& range, BadPacks& bad,
                 const std::function<void(const OpenPack&)>& visit) {
  // A row that ends before the first window asked for holds none of it.
  std::int64_t end = range.ends.start_ms == INT64_MIN ? INT64_MIN : range.ends.start_ms - 1;
  std::int64_t accepted = INT64_MAX;
  std::int64_t id = INT64_MAX;
  const std::int64_t last_end =
      range.tier == Tier::raw ? range.ends.end_ms : plus(range.ends.end_ms, kLongestSpanMs);
  for (;;) {
    Query query = connection.query(kPackRows);
    query.with(row_number(range.host), static_cast<std::int64_t>(range.tier), end, accepted, id,
               last_end, range.ends.end_ms, row_number(range.first_series),
               row_number(range.last_series), kPacksOfOneRead);
    std::int64_t rows = 0;
    for (; query.step(); ++rows) {
      const PackRow row = read_pack_row(query);
      end = row.end_ms;
      accepted = row.accepted;
      id = row.id;
      if (bad.known(id)) continue;
      const auto bytes = query.blob(10);
      const auto pack = Pack::open(bytes, bytes.size());
      if (pack) {
        visit({row, *pack, bytes});
      } else {
        bad.report(row, pack.error().text);
      }
    }
    if (rows < kPacksOfOneRead) return;
  }
}

std::span<const std::byte> column_bytes(const OpenPack& open, const PackEntry& entry) {
  if (entry.offset > open.bytes.size() || entry.length > open.bytes.size() - entry.offset) {
    return {};
  }
  return open.bytes.subspan(entry.offset, entry.length);
}

TimeSpan windows_of_span(TimeSpan span) {
  return {window_end_ms(span.start_ms, kWindowMs), window_end_ms(span.end_ms, kWindowMs)};
}

SealMarks SealMarks::read(Connection& connection, HostId host, TimeSpan ends) {
  SealMarks found;
  std::vector<std::int64_t> damaged;
  {
    Query query = connection.query(
        "SELECT end_ms, accepted FROM seal WHERE host_id=? AND end_ms BETWEEN ? AND ?");
    query.with(row_number(host), ends.start_ms, ends.end_ms);
    while (query.step()) {
      const bool sound = query.integer(1) > 0 && query.integer(1) <= kMostAccepted;
      if (!sound) damaged.push_back(query.integer(0));
      if (sound) found.marks_.emplace(query.integer(0), query.integer(1));
    }
  }
  // What the packs have is known from them, too.
  for (const std::int64_t end : damaged) {
    Query query = connection.query(
        "SELECT max(accepted) FROM pack WHERE host_id=? AND tier=0 AND end_ms=? AND accepted<=?");
    query.with(row_number(host), end, kMostAccepted);
    if (query.step()) found.marks_.emplace(end, query.integer(0));
  }
  return found;
}

std::int64_t SealMarks::accepted(std::int64_t end_ms) const {
  const auto found = marks_.find(end_ms);
  return found == marks_.end() ? 0 : found->second;
}

bool SealMarks::covers(std::int64_t time_ms, std::int64_t accepted) const {
  return !marks_.empty() && accepted <= this->accepted(window_end_ms(time_ms, kWindowMs));
}

}  // namespace volta
