#include "store/stats.hpp"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "store/disk_space.hpp"
#include "store/series_table.hpp"

namespace volta {
namespace {

using Counts = std::unordered_map<std::string, std::uint64_t>;

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

// Both journals are raw data that were not packed yet, and all that is there to find them.
StoreStats::Part read_journals(Connection& connection) {
  StoreStats::Part part;
  part.samples = count_of(connection, "SELECT total(points) FROM keyframe") +
                 count_of(connection, "SELECT total(points) FROM foreign_row");
  part.bytes = count_of(connection,
                        "SELECT total(pgsize) FROM dbstat WHERE aggregate=TRUE AND"
                        " (name IN ('journal', 'keyframe', 'run', 'slot', 'foreign_row')"
                        " OR name LIKE 'keyframe\\_%' ESCAPE '\\'"
                        " OR name LIKE 'foreign\\_row\\_%' ESCAPE '\\')");
  return part;
}

void add_packs(Connection& connection, StoreStats& stats) {
  if (!has_table(connection, "pack")) return;
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
  Query query = connection.query("SELECT host_id, name, labels FROM series");
  while (query.step()) {
    ++of_host[query.integer(0)];
    ++counts.of_metric[std::string(query.text(1))];
    for (auto& [name, value] : decode_labels(query.blob(2))) {
      counts.values[name].insert(std::move(value));
    }
  }
  for (const auto& [host, count] : of_host) counts.of_host[host_text(connection, host)] += count;
  return counts;
}

}  // namespace

StoreStats read_stats(Connection& connection, const std::filesystem::path& database,
                      std::size_t most) {
  StoreStats stats;
  connection.execute("BEGIN");
  try {
    stats.tiers[Tier::raw] = read_journals(connection);
    stats.tiers[Tier::minute];
    stats.tiers[Tier::hour];
    add_packs(connection, stats);
    const SeriesCounts counts = count_series(connection);
    Counts values;
    for (const auto& [name, distinct] : counts.values) values[name] = distinct.size();
    stats.series_of_metric = top(counts.of_metric, most);
    stats.series_of_host = top(counts.of_host, most);
    stats.values_of_label = top(values, most);
    stats.whole.series = count_of(connection, "SELECT count(*) FROM series");
  } catch (...) {
    connection.execute("ROLLBACK");
    throw;
  }
  connection.execute("COMMIT");
  for (auto& [tier, part] : stats.tiers) part.series = part.samples == 0 ? 0 : stats.whole.series;
  stats.whole.samples = stats.tiers[Tier::raw].samples;
  stats.whole.bytes = static_cast<std::uint64_t>(file_bytes(database)) +
                      static_cast<std::uint64_t>(file_bytes(database.string() + "-wal"));
  return stats;
}

}  // namespace volta
