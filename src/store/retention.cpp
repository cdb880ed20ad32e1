#include "store/retention.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "store/disk_space.hpp"

namespace volta {
namespace {

constexpr std::size_t kGroupsOfSlice = 8;
constexpr std::int64_t kRowsOfSlice = 4096;  // of the journal, or of series
constexpr std::size_t kForeignRowsOfSlice = 256;
constexpr std::size_t kForeignRowsWhenFull = 8;
constexpr std::int64_t kPagesOfSlice = 256;
// A run without data keeps its high-water mark this long, in case the agent still has repeats.
constexpr std::int64_t kRunPatienceMs = 86'400'000;
// The same where the age has no limit and only the size takes data away.
constexpr std::int64_t kEndlessPatienceMs = 30 * kRunPatienceMs;
constexpr std::chrono::hours kSeriesLook{24};
constexpr std::chrono::milliseconds kSeriesSlice{5};

std::vector<std::int64_t> numbers(Query& query) {
  std::vector<std::int64_t> found;
  while (query.step()) found.push_back(query.integer(0));
  return found;
}

}  // namespace

bool Retention::slice(bool disk_low) {
  if (const auto host = parts_.hosts.dying()) return bury(*host);
  return drop_foreign(false) || drop_oldest() || drop_foreign(true) || drop_runs() ||
         drop_series() || parts_.foreign.drop_series(parts_.clock.monotonic()) ||
         give_back_pages(disk_low);
}

bool Retention::too_big(std::int64_t pages) {
  if (limits_.size_bytes <= 0) return false;
  const std::string database = limits_.database.string();
  // Not what the WAL is just now: deleting makes it longer, and so would delete more.
  std::int64_t bytes = pages * connection_.number("PRAGMA page_size") + limits_.wal_bytes +
                       file_bytes(database + "-shm");
  for (const auto& copy : limits_.copies) bytes += file_bytes(copy);
  return bytes > limits_.size_bytes;
}

// A copy serves only those who want to go back to an older volta; samples serve everybody.
bool Retention::drop_copy() {
  if (limits_.copies.empty()) return false;
  const std::filesystem::path copy = limits_.copies.front();
  limits_.copies.erase(limits_.copies.begin());
  std::error_code error;
  std::filesystem::remove(copy, error);
  log::info("the data directory is over its size: the copy from before a migration is deleted",
            {{"copy", copy.string()}, {"error", error.message()}});
  return true;
}

bool Retention::delete_rows(std::int64_t keyframe) {
  const std::int64_t first = group_start(keyframe);
  std::int64_t end = 0;
  {
    Query last = connection_.query("SELECT max(id) FROM journal WHERE id >= ? AND id < ?");
    last.with(first, group_start(keyframe + 1));
    end = last.step() ? std::max(last.integer(0) + 1, first) : first;
  }
  // From the end, so that what is left of the group stays readable.
  const std::int64_t from = std::max(first, end - kRowsOfSlice);
  connection_.query("DELETE FROM journal WHERE id >= ? AND id < ?").with(from, end).run();
  if (from > first) return false;
  connection_.query("DELETE FROM keyframe WHERE id=?").with(keyframe).run();
  return true;
}

bool Retention::bury(HostId host) {
  parts_.runs.forget(host);
  parts_.head.forget(host);
  const std::int64_t id = static_cast<std::uint32_t>(host);
  Transaction transaction(connection_);
  std::vector<std::int64_t> groups;
  std::vector<std::int64_t> runs;
  {
    Query query = connection_.query("SELECT id FROM keyframe WHERE host_id=? LIMIT ?");
    groups = numbers(query.with(id, std::int64_t{kGroupsOfSlice}));
  }
  {
    Query query = connection_.query("SELECT id FROM run WHERE host_id=? LIMIT ?");
    runs = numbers(query.with(id, std::int64_t{kGroupsOfSlice}));
  }
  if (!groups.empty()) {
    for (const std::int64_t group : groups) {
      if (!delete_rows(group)) break;
    }
  } else if (!runs.empty()) {
    for (const std::int64_t run : runs) {
      connection_.query("DELETE FROM slot WHERE run_id=?").with(run).run();
      connection_.query("DELETE FROM run WHERE id=?").with(run).run();
    }
  } else {
    connection_.query("DELETE FROM series WHERE host_id=?").with(id).run();
    connection_.query("DELETE FROM host WHERE id=?").with(id).run();
  }
  transaction.commit();
  if (groups.empty() && runs.empty()) {
    parts_.series.forget(host);
    parts_.hosts.died(host);
  }
  return true;
}

// Those in force are passed over, however many there are: as many agents as there are may have sent
// something old and nothing since.
std::vector<std::int64_t> Retention::oldest_groups(std::int64_t cutoff, std::size_t most) {
  std::vector<std::int64_t> groups;
  const std::unordered_set<std::int64_t> in_force = parts_.runs.in_force();
  Query query = connection_.query(
      "SELECT id FROM keyframe WHERE min_ms < ? AND max_ms < ? ORDER BY min_ms, id");
  query.with(cutoff, cutoff);
  while (groups.size() < most && query.step()) {
    if (!in_force.contains(query.integer(0))) groups.push_back(query.integer(0));
  }
  return groups;
}

bool Retention::drop_oldest() {
  const bool over = too_big(connection_.number("PRAGMA page_count") -
                            connection_.number("PRAGMA freelist_count"));
  if (over && drop_copy()) return true;
  if (!over && limits_.raw_age_ms <= 0) return false;
  const std::int64_t cutoff = over ? INT64_MAX : parts_.clock.wall_ms() - limits_.raw_age_ms;
  const std::vector<std::int64_t> groups = oldest_groups(cutoff, over ? 1 : kGroupsOfSlice);
  if (groups.empty()) return false;
  Transaction transaction(connection_);
  for (const std::int64_t group : groups) {
    if (!delete_rows(group)) break;
  }
  transaction.commit();
  return true;
}

// Of both kinds the older data go first.
bool Retention::drop_foreign(bool any) {
  const std::int64_t cutoff = parts_.clock.wall_ms() - limits_.raw_age_ms;
  if (limits_.raw_age_ms > 0 && parts_.foreign.drop(cutoff, kForeignRowsOfSlice)) return true;
  const bool over = too_big(connection_.number("PRAGMA page_count") -
                            connection_.number("PRAGMA freelist_count"));
  if (!over) return false;
  const auto oldest = parts_.foreign.oldest_ms();
  if (!oldest || (!any && *oldest >= oldest_of_hosts_ms())) return false;
  return drop_copy() || parts_.foreign.drop(INT64_MAX, kForeignRowsWhenFull);
}

std::int64_t Retention::oldest_of_hosts_ms() {
  Query query = connection_.query("SELECT max_ms FROM keyframe ORDER BY min_ms LIMIT 1");
  return query.step() ? query.integer(0) : INT64_MAX;
}

bool Retention::drop_runs() {
  const std::int64_t patience =
      limits_.raw_age_ms > 0 ? std::max(limits_.raw_age_ms, kRunPatienceMs) : kEndlessPatienceMs;
  const std::int64_t cutoff = parts_.clock.wall_ms() - patience;
  std::vector<std::int64_t> runs;
  {
    Query query = connection_.query(
        "SELECT id FROM run WHERE last_ms < ?"
        " AND NOT EXISTS (SELECT 1 FROM keyframe WHERE run_id = run.id) LIMIT ?");
    runs = numbers(query.with(cutoff, std::int64_t{kGroupsOfSlice}));
  }
  if (runs.empty()) return false;
  Transaction transaction(connection_);
  for (const std::int64_t run : runs) {
    connection_.query("DELETE FROM slot WHERE run_id=?").with(run).run();
    connection_.query("DELETE FROM run WHERE id=?").with(run).run();
  }
  transaction.commit();
  return true;
}

// A series goes when no run has a slot for it: then no sample of it is left, and only an agent that
// was given its id and has not used it yet could still mean it. As runs are forgotten long after
// their data, this is nothing to hurry about: every host once a day.
bool Retention::drop_series() {
  const std::chrono::nanoseconds now = parts_.clock.monotonic();
  if (hosts_to_look_at_.empty()) {
    if (now < next_series_look_) return false;
    next_series_look_ = now + kSeriesLook;
    Query query = connection_.query("SELECT id FROM host");
    hosts_to_look_at_ = numbers(query);
  }
  const auto end = std::chrono::steady_clock::now() + kSeriesSlice;
  while (!hosts_to_look_at_.empty() && std::chrono::steady_clock::now() < end) {
    if (drop_series_of(hosts_to_look_at_.back())) return true;
    hosts_to_look_at_.pop_back();
  }
  return !hosts_to_look_at_.empty();
}

// At most some thousand; false: the host has none.
bool Retention::drop_series_of(std::int64_t host) {
  std::vector<SeriesId> unused;
  {
    Query query = connection_.query(
        "SELECT id FROM series WHERE host_id=?1 AND id NOT IN (SELECT series_id FROM slot"
        " WHERE run_id IN (SELECT id FROM run WHERE host_id=?1))");
    query.with(host);
    while (query.step()) {
      unused.push_back(SeriesId(static_cast<std::uint32_t>(query.integer(0))));
    }
  }
  // Out of memory first: from then on nobody is given the id. If the rows then cannot be deleted,
  // they are found again after the next start.
  const std::vector<SeriesId> gone = parts_.series.forget_idle(unused, kRowsOfSlice);
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

// New data reuse free pages, so only a surplus goes back: moving pages costs writes.
bool Retention::give_back_pages(bool disk_low) {
  const std::int64_t pages = connection_.number("PRAGMA page_count");
  const std::int64_t free_pages = connection_.number("PRAGMA freelist_count");
  if (free_pages == 0) return false;
  const bool surplus = free_pages > std::max(kPagesOfSlice, pages / 20);
  if (!surplus && !disk_low && !too_big(pages)) return false;
  connection_.execute("PRAGMA incremental_vacuum(" + std::to_string(kPagesOfSlice) + ")");
  return connection_.number("PRAGMA page_count") < pages;
}

}  // namespace volta
