#include "store/check.hpp"

#include <algorithm>

#include "store/foreign_row.hpp"
#include "store/journal_row.hpp"
#include "store/run_table.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostProblems = 100;

std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what;
}

void check_pages(Connection& connection, StoreCheck& check) {
  Query query = connection.query("PRAGMA integrity_check(100)");
  while (query.step()) {
    if (query.text(0) != "ok") check.add("the database: " + std::string(query.text(0)));
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
      {"SELECT count(*) FROM journal WHERE (id >> 24) NOT IN (SELECT id FROM keyframe)",
       "rows of the journal are of groups that are not there"},
      {"SELECT count(*) FROM series WHERE host_id != 0 AND host_id NOT IN (SELECT id FROM host)",
       "series are of hosts that are not there"},
  };
  for (const Reference& reference : kReferences) {
    const auto count = static_cast<std::uint64_t>(connection.number(reference.sql));
    if (count > 0) check.add(counted(count, reference.what));
  }
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

void check_foreign(Connection& connection, StoreCheck& check) {
  ForeignRowCodec codec;
  ForeignRow row;
  std::int64_t last = 0;
  for (bool more = true; more;) {
    more = false;
    Query query = connection.query(
        "SELECT id, min_ms, max_ms, points, series, payload FROM foreign_row WHERE id>?"
        " ORDER BY id LIMIT 200");
    query.with(last);
    while (query.step()) {
      more = true;
      last = query.integer(0);
      row.min_ms = query.integer(1);
      row.max_ms = query.integer(2);
      if (!codec.decode(query.blob(4), query.blob(5), row)) {
        check.add("row " + std::to_string(last) + " of foreign samples does not decode");
      } else if (static_cast<std::int64_t>(row.points()) != query.integer(3)) {
        check.add("row " + std::to_string(last) + " of foreign samples has " +
                  std::to_string(row.points()) + " values instead of " +
                  std::to_string(query.integer(3)));
      } else {
        ++check.rows;
        check.samples += row.points();
      }
    }
  }
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
  StoreCheck check;
  check_pages(connection, check);
  check_references(connection, check);
  check_journal(connection, check);
  check_foreign(connection, check);
  return check;
}

}  // namespace volta
