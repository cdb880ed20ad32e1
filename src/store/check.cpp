#include "store/check.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "store/age_clock.hpp"
#include "store/ages_file.hpp"
#include "store/foreign_row.hpp"
#include "store/journal_row.hpp"
#include "store/pack_check.hpp"
#include "store/row_hold.hpp"
#include "store/run_table.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostProblems = 100;

std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what;
}

// Table by table, each in a read transaction of its own. The packs' one has the bulk of the store
// and is read pack by pack below.
void check_pages(Connection& connection, StoreCheck& check) {
  std::vector<std::string> tables;
  {
    Query query = connection.query(
        "SELECT name FROM sqlite_schema WHERE type='table' AND rootpage > 0 AND name != 'pack'");
    while (query.step()) tables.emplace_back(query.text(0));
  }
  for (const std::string& table : tables) {
    Query query = connection.query("SELECT * FROM pragma_integrity_check(?)");
    query.with(std::string_view(table));
    while (query.step()) {
      if (query.text(0) == "ok") continue;
      check.add("the database, table " + table + ": " + std::string(query.text(0)));
    }
  }
}

// One number a query, more than 0 is a problem.
void check_references(Connection& connection, StoreCheck& check) {
  struct Reference {
    const char* sql;
    const char* what;
  };
  static constexpr Reference kReferences[] = {
      {"SELECT count(*) FROM slot WHERE series_id != 0 AND series_id NOT IN"
       " (SELECT id FROM series)",
       "slots name series that are not there"},
      {"SELECT count(*) FROM slot WHERE run_id NOT IN (SELECT id FROM run)",
       "slots are of runs that are not there"},
      {"SELECT count(*) FROM keyframe WHERE run_id NOT IN (SELECT id FROM run)",
       "groups of the journal are of runs that are not there"},
      {"SELECT count(*) FROM pack WHERE host_id != 0 AND host_id NOT IN (SELECT id FROM host)",
       "packs are of hosts that are not there"},
      {"SELECT count(*) FROM series WHERE host_id != 0 AND host_id NOT IN (SELECT id FROM host)",
       "series are of hosts that are not there"},
  };
  for (const Reference& reference : kReferences) {
    const auto count = static_cast<std::uint64_t>(connection.number(reference.sql));
    if (count > 0) check.add(counted(count, reference.what));
  }
}

// The journal's groups by their rows, one lookup each.
void check_orphans(Connection& connection, StoreCheck& check) {
  std::uint64_t orphans = 0;
  for (std::int64_t next = INT64_MIN;;) {
    std::int64_t row = 0;
    {
      Query query = connection.query("SELECT id FROM journal WHERE id >= ? ORDER BY id LIMIT 1");
      if (!query.with(next).step()) break;
      row = query.integer(0);
    }
    const std::int64_t group = row >> kGroupBits;
    // Both at once: groups come and go while others write.
    Query query = connection.query(
        "SELECT count(*) FROM journal WHERE id >= ?1 AND id < ?2 AND NOT EXISTS"
        " (SELECT 1 FROM keyframe WHERE id=?3)");
    query.with(group_start(group), group_start(group + 1), group);
    if (query.step()) orphans += static_cast<std::uint64_t>(query.integer(0));
    if (group == INT64_MAX >> kGroupBits) break;  // a damaged row's, and the last there can be
    next = group_start(group + 1);
  }
  if (orphans > 0)
    check.add(counted(orphans, "rows of the journal are of groups that are not there"));
}

// Group by group, each in read transactions of its own.
void check_journal(Connection& connection, StoreCheck& check) {
  std::vector<std::int64_t> groups;
  {
    Query query = connection.query("SELECT id FROM keyframe ORDER BY id");
    while (query.step()) groups.push_back(query.integer(0));
  }
  for (const std::int64_t group : groups) {
    std::uint64_t seen = 0;
    visit_group(connection, group, UINT64_MAX, [&](const JournalRow& row) {
      ++seen;
      check.samples += static_cast<std::uint64_t>(
          std::count(row.batch->present.begin(), row.batch->present.end(), std::uint8_t{1}));
    });
    check.rows += seen;
    Query query = connection.query("SELECT count(*) FROM journal WHERE id >= ? AND id < ?");
    query.with(group_start(group), group_start(group + 1));
    const auto there = query.step() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
    // One that is written to meanwhile may have more now than were there to be read.
    std::uint64_t again = seen;
    if (there != seen) {
      again = 0;
      visit_group(connection, group, UINT64_MAX, [&](const JournalRow&) { ++again; });
    }
    if (there > again) {
      check.add("group " + std::to_string(group) + " of the journal: " +
                counted(there - again, "of " + counted(there, "rows do not decode")));
    }
  }
}

// The greatest number that a row may have, by the last mark; 0: there is none.
std::int64_t newest_counted(Connection& connection) {
  Query query = connection.query(
      "SELECT max(accepted) + ?1 FROM commit_mark WHERE accepted BETWEEN 0 AND ?2");
  query.with(RowHold::kMarkRows - 1, kMostAccepted);
  return query.step() ? query.integer(0) : 0;
}

std::uint64_t count_uncounted(Connection& connection, const char* sql) {
  const std::int64_t newest = newest_counted(connection);
  Query query = connection.query(sql);
  query.with(newest);
  return query.step() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
}

void check_count(Connection& connection, StoreCheck& check) {
  static constexpr struct {
    const char* sql;
    const char* what;
  } kNumbers[] = {
      {"SELECT count(*) FROM foreign_row WHERE id NOT BETWEEN 1 AND ?",
       "rows of foreign samples have numbers that were never counted"},
      {"SELECT count(*) FROM journal WHERE accepted NOT BETWEEN 1 AND ?",
       "rows of the journal have numbers that were never counted"},
      {"SELECT count(*) FROM run WHERE last_accepted NOT BETWEEN 0 AND ?",
       "runs end with rows that were never counted"},
      {"SELECT count(*) FROM seal WHERE accepted NOT BETWEEN 0 AND ?",
       "windows are sealed up to rows that were never counted"},
      {"SELECT count(*) FROM forgotten WHERE accepted NOT BETWEEN 0 AND ?",
       "marks of what is forgotten are beyond what was counted"},
  };
  if (connection.number("SELECT count(*) FROM sqlite_schema WHERE name='commit_mark'") == 0) return;
  Query marks =
      connection.query("SELECT count(*) FROM commit_mark WHERE accepted NOT BETWEEN 0 AND ?");
  if (marks.with(kMostAccepted).step() && marks.integer(0) > 0) {
    check.add(counted(static_cast<std::uint64_t>(marks.integer(0)),
                      "marks of how far rows were counted cannot be true"));
  }
  for (const auto& numbers : kNumbers) {
    if (count_uncounted(connection, numbers.sql) == 0) continue;
    // Once more: meanwhile others may have written, and left a mark.
    const std::uint64_t count = count_uncounted(connection, numbers.sql);
    if (count > 0) check.add(counted(count, numbers.what));
  }
}

void check_foreign(Connection& connection, StoreCheck& check) {
  ForeignRowCodec codec;
  ForeignRow row;
  std::int64_t last = INT64_MIN;
  for (bool more = true; more;) {
    more = false;
    Query query = connection.query(
        "SELECT id, min_ms, max_ms, points, series, payload FROM foreign_row WHERE id>?"
        " ORDER BY id LIMIT 200");
    query.with(last);
    while (query.step()) {
      more = last < query.integer(0);  // else they lie out of order, which was said above
      last = std::max(last, query.integer(0));
      row.min_ms = query.integer(1);
      row.max_ms = query.integer(2);
      if (!codec.decode(query.blob(4), query.blob(5), row)) {
        check.add("row " + std::to_string(query.integer(0)) +
                  " of foreign samples does not decode");
      } else if (static_cast<std::int64_t>(row.points()) != query.integer(3)) {
        check.add("row " + std::to_string(query.integer(0)) + " of foreign samples has " +
                  std::to_string(row.points()) + " values instead of " +
                  std::to_string(query.integer(3)));
      } else {
        ++check.rows;
        check.samples += row.points();
      }
    }
  }
}

std::string name_of(const PackRow& row) {
  return "pack " + std::to_string(row.id) + " (" + std::string(to_text(row.tier)) + ", host " +
         std::to_string(static_cast<std::uint32_t>(row.host)) + ", up to " +
         std::to_string(row.end_ms) + " ms)";
}

// Whether both indexes that packs are found by have the row.
bool is_indexed(Connection& connection, const PackRow& row) {
  const std::int64_t host = static_cast<std::uint32_t>(row.host);
  const auto tier = static_cast<std::int64_t>(row.tier);
  {
    Query query = connection.query(
        "SELECT 1 FROM pack INDEXED BY pack_host WHERE host_id=? AND tier=? AND end_ms=? AND id=?");
    if (!query.with(host, tier, row.end_ms, row.id).step()) return false;
  }
  Query query =
      connection.query("SELECT 1 FROM pack INDEXED BY pack_age WHERE tier=? AND end_ms=? AND id=?");
  return query.with(tier, row.end_ms, row.id).step();
}

void check_packs(Connection& connection, StoreCheck& check) {
  visit_all_packs(connection, [&](const PackRow& row, std::span<const std::byte> bytes) {
    ++check.packs;
    const PackFindings found = check_pack_row(row, bytes);
    if (row.tier == Tier::raw) check.packed += found.samples;
    for (const std::string& problem : found.problems) check.add(name_of(row) + ": " + problem);
    if (row.accepted < 0 || row.accepted > newest_counted(connection)) {
      check.add(name_of(row) + ": it is of rows that were never counted");
    }
    if (found.further > 0) {
      check.add(name_of(row) + ": " + counted(found.further, "further series do not decode"));
    }
    // The reader's transaction is still open, so this is the same moment.
    if (!is_indexed(connection, row)) check.add(name_of(row) + ": an index lacks it");
  });
  check.put_aside = static_cast<std::uint64_t>(connection.number("SELECT count(*) FROM bad_pack"));
}

// Null: it is sound, or not there.
std::optional<Error> trouble_of_ages(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto ages = parse_ages_file(text);
  return ages ? std::nullopt : std::optional(ages.error());
}

}  // namespace

void StoreCheck::add(std::string problem) {
  if (problems.size() < kMostProblems) {
    problems.push_back(std::move(problem));
  } else {
    ++further;
  }
}

StoreCheck check_store(Connection& connection) {
  struct Part {
    void (*look)(Connection&, StoreCheck&);
    const char* what;
  };
  static constexpr Part kParts[] = {
      {check_pages, "the tables"},    {check_references, "what refers to what"},
      {check_count, "counts"},        {check_orphans, "what belongs to nobody"},
      {check_journal, "the journal"}, {check_foreign, "foreign samples"},
      {check_packs, "packs"},
  };
  StoreCheck check;
  for (const Part& part : kParts) {
    try {
      part.look(connection, check);
    } catch (const SqliteFailure& failure) {  // a damaged page: what else there is counts, too
      if (!failure.damaged()) throw;
      check.add("the database, " + std::string(part.what) + ": read up to a damaged page only");
    }
  }
  return check;
}

StoreCheck check_directory(const std::filesystem::path& directory, Connection& connection) {
  StoreCheck check = check_store(connection);
  const std::filesystem::path file = directory / kAgeClockName;
  // Once more: the owner may have been writing it.
  if (trouble_of_ages(file)) {
    if (const auto trouble = trouble_of_ages(file)) {
      check.add(std::string(kAgeClockName) +
                ", the file that says what left the store: " + trouble->text);
    }
  }
  return check;
}

}  // namespace volta
