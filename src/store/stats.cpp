#include "store/stats.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "store/disk_space.hpp"
#include "store/journal_row.hpp"
#include "store/pack_check.hpp"
#include "store/run_table.hpp"
#include "store/series_table.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

using Counts = std::unordered_map<std::string, std::uint64_t>;
using Flags = std::vector<bool>;  // by place in SeriesCounts::metric_of

constexpr std::int64_t kRowsOfPortion = 1000;

std::vector<StoreStats::Count> top(const Counts& counts, std::size_t most) {
  std::vector<StoreStats::Count> list;
  list.reserve(counts.size());
  for (const auto& [name, count] : counts) list.push_back({name, count});
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.count != b.count ? a.count > b.count : a.name < b.name;
  });
  if (list.size() > most) list.resize(most);
  return list;
}

bool has_table(Connection& connection, std::string_view name) {
  Query query = connection.query("SELECT 1 FROM sqlite_schema WHERE type='table' AND name=?");
  return query.with(name).step();
}

std::uint64_t count_of(Connection& connection, const char* sql) {
  return static_cast<std::uint64_t>(connection.number(sql));
}

// Samples of the journals that no pack has. What is sealed stays there for a while as a copy.
class Unsealed {
 public:
  explicit Unsealed(Connection& connection)
      : connection_(connection), sealed_(has_table(connection, "seal")) {}

  std::uint64_t count() {
    std::uint64_t all = 0;
    std::int64_t last = INT64_MIN;
    for (std::vector<Group> groups = groups_after(last); !groups.empty();
         groups = groups_after(last)) {
      for (const Group& group : groups) all += of_group(group);
      last = groups.back().id;
    }
    return all + foreign();
  }

 private:
  struct Group {
    std::int64_t id, host, min_ms, max_ms;
    std::uint64_t points;
  };
  enum class Covered : std::uint8_t { no, partly, yes };

  std::vector<Group> groups_after(std::int64_t last) {
    std::vector<Group> groups;
    Query query = connection_.query(
        "SELECT id, host_id, min_ms, max_ms, points FROM keyframe WHERE id>? ORDER BY id LIMIT ?");
    query.with(last, kRowsOfPortion);
    while (query.step()) {
      groups.push_back({query.integer(0), query.integer(1), query.integer(2), query.integer(3),
                        static_cast<std::uint64_t>(query.integer(4))});
    }
    return groups;
  }
  const SealMarks& marks_of(std::int64_t host) {
    const auto [found, is_new] = marks_.try_emplace(host);
    if (is_new && sealed_) {
      found->second = SealMarks::read(connection_, HostId(static_cast<std::uint32_t>(host)),
                                      {INT64_MIN, INT64_MAX});
    }
    return found->second;
  }
  // Whether rows with these times, up to the one that was accepted then, are in packs.
  Covered covered(std::int64_t host, TimeSpan times, std::int64_t first_accepted,
                  std::int64_t last_accepted) {
    const SealMarks& marks = marks_of(host);
    const std::int64_t first = window_end_ms(times.start_ms, kWindowMs);
    const std::int64_t last = window_end_ms(times.end_ms, kWindowMs);
    if (first != last && (first > INT64_MAX - kWindowMs || first + kWindowMs != last)) {
      return Covered::partly;  // one tick with a wrong time spans years
    }
    const std::int64_t least = std::min(marks.accepted(first), marks.accepted(last));
    const std::int64_t most = std::max(marks.accepted(first), marks.accepted(last));
    return least >= last_accepted  ? Covered::yes
           : most < first_accepted ? Covered::no
                                   : Covered::partly;
  }
  std::uint64_t of_group(const Group& group) {
    std::int64_t first = 0;
    std::int64_t last = 0;
    {
      Query query = connection_.query(
          "SELECT min(accepted), max(accepted) FROM journal WHERE id>=? AND id<?");
      query.with(group_start(group.id), group_start(group.id + 1));
      if (!query.step() || query.integer(1) == 0) return 0;
      first = query.integer(0);
      last = query.integer(1);
    }
    switch (covered(group.host, {group.min_ms, group.max_ms}, first, last)) {
      case Covered::yes:
        return 0;
      case Covered::no:
        return group.points;
      case Covered::partly:
        break;
    }
    const SealMarks& marks = marks_of(group.host);
    std::uint64_t all = 0;
    visit_group(connection_, group.id, UINT64_MAX, [&](const JournalRow& row) {
      const DecodedBatch& batch = *row.batch;
      for (std::size_t tick = 0; tick < batch.ticks(); ++tick) {
        if (marks.covers(batch.times_ms[tick], row.accepted)) continue;
        for (Slot slot = 0; slot < batch.slots; ++slot) all += batch.present[batch.at(slot, tick)];
      }
    });
    return all;
  }
  // A row that is in packs in part counts as a whole: it is a request, and short.
  std::uint64_t foreign() {
    std::uint64_t all = 0;
    std::int64_t last = INT64_MIN;
    for (bool more = true; more;) {
      more = false;
      struct Row {
        std::int64_t id, min_ms, max_ms, points;
      };
      std::vector<Row> rows;
      {
        Query query = connection_.query(
            "SELECT id, min_ms, max_ms, points FROM foreign_row WHERE id>? ORDER BY id LIMIT ?");
        query.with(last, kRowsOfPortion);
        while (query.step()) {
          rows.push_back({query.integer(0), query.integer(1), query.integer(2), query.integer(3)});
        }
      }
      for (const Row& row : rows) {
        more = true;
        last = row.id;
        if (covered(0, {row.min_ms, row.max_ms}, row.id, row.id) != Covered::yes) {
          all += static_cast<std::uint64_t>(row.points);
        }
      }
    }
    return all;
  }

  Connection& connection_;
  const bool sealed_;
  std::unordered_map<std::int64_t, SealMarks> marks_;  // by host
};

// What stands on the pages of the journals, and of all that is there to find it. Free room on them
// is not counted: an empty table has a page, too.
std::uint64_t journal_bytes(Connection& connection) {
  std::vector<std::string> trees;
  {
    Query query = connection.query(
        "SELECT name FROM sqlite_schema WHERE rootpage > 0 AND"
        " tbl_name IN ('journal', 'keyframe', 'run', 'slot', 'foreign_row')");
    while (query.step()) trees.emplace_back(query.text(0));
  }
  std::uint64_t bytes = 0;
  for (const std::string& tree : trees) {
    Query query = connection.query(
        "SELECT total(pgsize - unused) FROM dbstat WHERE aggregate=TRUE AND name=?");
    if (query.with(std::string_view(tree)).step()) {
      bytes += static_cast<std::uint64_t>(query.integer(0));
    }
  }
  return bytes;
}

// One look at the rows without their data, so that packs which are merged meanwhile are not met
// twice.
void add_packs(Connection& connection, StoreStats& stats) {
  Query query =
      connection.query("SELECT tier, total(samples), total(length(data)) FROM pack GROUP BY tier");
  while (query.step()) {
    const std::int64_t tier = query.integer(0);
    if (tier < 0 || tier > static_cast<std::int64_t>(Tier::hour)) continue;
    StoreStats::Part& part = stats.tiers[static_cast<Tier>(tier)];
    part.samples += static_cast<std::uint64_t>(query.integer(1));
    part.bytes += static_cast<std::uint64_t>(query.integer(2));
  }
}

struct SeriesCounts {
  Counts of_metric;
  Counts of_host;
  std::unordered_map<std::string, std::unordered_set<std::string>> values;
  std::vector<std::string> metrics;
  // By rising id: place in `metrics`.
  std::vector<std::pair<SeriesId, std::uint32_t>> metric_of;
  Flags foreign;

  // In metric_of. Empty: there is no such series, whatever a damaged row says.
  [[nodiscard]] std::optional<std::size_t> place(std::int64_t id) const {
    if (id <= 0 || id > UINT32_MAX) return std::nullopt;
    const auto series = SeriesId(static_cast<std::uint32_t>(id));
    const auto found =
        std::lower_bound(metric_of.begin(), metric_of.end(), series,
                         [](const auto& line, SeriesId wanted) { return line.first < wanted; });
    if (found == metric_of.end() || found->first != series) return std::nullopt;
    return static_cast<std::size_t>(found - metric_of.begin());
  }
};

std::string host_text(Connection& connection, std::int64_t id) {
  if (id == 0) return "";  // of no host
  Query query = connection.query("SELECT name FROM host WHERE id=?");
  query.with(id);
  return query.step() ? std::string(query.text(0)) : std::string();
}

SeriesCounts count_series(Connection& connection) {
  SeriesCounts counts;
  std::unordered_map<std::int64_t, std::uint64_t> of_host;
  std::unordered_map<std::string, std::uint32_t> place_of;
  std::int64_t last = INT64_MIN;
  for (bool more = true; more;) {
    more = false;
    Query query = connection.query(
        "SELECT id, host_id, name, labels FROM series WHERE id>? ORDER BY id LIMIT ?");
    query.with(last, kRowsOfPortion);
    while (query.step()) {
      if (query.integer(0) <= last) continue;  // a damaged table's rows lie out of order
      more = true;
      last = query.integer(0);
      ++of_host[query.integer(1)];
      const auto place = place_of.emplace(std::string(query.text(2)),
                                          static_cast<std::uint32_t>(counts.metrics.size()));
      if (place.second) counts.metrics.emplace_back(query.text(2));
      ++counts.of_metric[counts.metrics[place.first->second]];
      if (last > 0 && last <= UINT32_MAX) {
        counts.metric_of.emplace_back(SeriesId(static_cast<std::uint32_t>(last)),
                                      place.first->second);
        counts.foreign.push_back(query.integer(1) == 0);
      }
      for (auto& [name, value] : decode_labels(query.blob(3))) {
        counts.values[name].insert(std::move(value));
      }
    }
  }
  for (const auto& [host, count] : of_host) counts.of_host[host_text(connection, host)] += count;
  return counts;
}

// Which series each tier's packs have, and what those of each metric take of them.
class PackWalk {
 public:
  explicit PackWalk(const SeriesCounts& known) : known_(known), bytes_(known.metrics.size(), 0.0) {
    for (Flags& flags : series_) flags.resize(known.metric_of.size());
  }

  void add(const PackRow& row, std::span<const std::byte> bytes) {
    const auto pack = Pack::open(bytes, bytes.size());
    if (!pack || pack->entries().empty()) return;  // `volta store check` tells of it
    std::uint64_t columns = 0;
    for (const PackEntry& entry : pack->entries()) columns += entry.length;
    // The directory and the times serve all columns alike.
    const double shared = static_cast<double>(bytes.size() - std::min(columns, bytes.size())) /
                          static_cast<double>(pack->entries().size());
    for (const PackEntry& entry : pack->entries()) {
      const auto place = known_.place(static_cast<std::uint32_t>(entry.series));
      if (!place) continue;
      series(row.tier)[*place] = true;
      bytes_[known_.metric_of[*place].second] += shared + entry.length;
    }
  }
  Flags& series(Tier tier) { return series_.at(static_cast<std::size_t>(tier)); }
  [[nodiscard]] Counts bytes_of_metric() const {
    Counts counts;
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      if (bytes_[i] > 0)
        counts[known_.metrics[i]] = static_cast<std::uint64_t>(std::llround(bytes_[i]));
    }
    return counts;
  }

 private:
  const SeriesCounts& known_;
  std::vector<double> bytes_;  // by place in known_.metrics
  std::array<Flags, 3> series_;
};

// Those that the journals may have samples of.
void add_journal_series(Connection& connection, const SeriesCounts& known, Flags& series) {
  Query query = connection.query(
      "SELECT DISTINCT series_id FROM slot WHERE series_id != 0"
      " AND run_id IN (SELECT run_id FROM keyframe)");
  while (query.step()) {
    if (const auto place = known.place(query.integer(0))) series[*place] = true;
  }
  if (connection.number("SELECT count(*) FROM (SELECT 1 FROM foreign_row LIMIT 1)") == 0) return;
  for (std::size_t place = 0; place < known.foreign.size(); ++place) {
    if (known.foreign[place]) series[place] = true;
  }
}

}  // namespace

StoreStats read_stats(Connection& connection, const std::filesystem::path& database,
                      std::size_t most) {
  StoreStats stats;
  for (const Tier tier : {Tier::raw, Tier::minute, Tier::hour}) stats.tiers[tier] = {};
  StoreStats::Part& raw = stats.tiers[Tier::raw];
  const SeriesCounts counts = count_series(connection);
  PackWalk walk(counts);
  // The journals first: what is sealed meanwhile is then rather counted twice than not at all.
  raw.samples = Unsealed(connection).count();
  raw.bytes = journal_bytes(connection);
  add_journal_series(connection, counts, walk.series(Tier::raw));
  if (has_table(connection, "pack")) {
    add_packs(connection, stats);
    visit_all_packs(connection, [&](const PackRow& row, std::span<const std::byte> bytes) {
      walk.add(row, bytes);
    });
  }
  for (auto& [tier, part] : stats.tiers) {
    const Flags& series = walk.series(tier);
    part.series = static_cast<std::uint64_t>(std::count(series.begin(), series.end(), true));
  }
  Counts values;
  for (const auto& [name, distinct] : counts.values) values[name] = distinct.size();
  stats.series_of_metric = top(counts.of_metric, most);
  stats.series_of_host = top(counts.of_host, most);
  stats.values_of_label = top(values, most);
  stats.bytes_of_metric = top(walk.bytes_of_metric(), most);
  stats.whole.series = count_of(connection, "SELECT count(*) FROM series");
  stats.whole.samples = raw.samples;
  stats.whole.bytes = static_cast<std::uint64_t>(file_bytes(database)) +
                      static_cast<std::uint64_t>(file_bytes(database.string() + "-wal"));
  return stats;
}

}  // namespace volta
