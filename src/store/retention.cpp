#include "store/retention.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "store/disk_space.hpp"
#include "store/foreign_rows.hpp"
#include "store/pack_rows.hpp"
#include "store/row_hold.hpp"
#include "store/window_builder.hpp"

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
constexpr std::chrono::hours kTellOfSizeEvery{24};
constexpr std::chrono::milliseconds kSeriesSlice{5};

std::vector<std::int64_t> numbers(Query& query) {
  std::vector<std::int64_t> found;
  while (query.step()) found.push_back(query.integer(0));
  return found;
}

}  // namespace

bool Retention::slice(bool disk_low) {
  parts_.ages.look();
  if (const auto host = parts_.hosts.dying()) return bury(*host);
  return drop_oldest() || drop_runs() || drop_series() ||
         parts_.foreign.drop_series(parts_.clock.monotonic()) || give_back_pages(disk_low);
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

void Retention::follow_disk(std::int64_t total_bytes) {
  if (limits_.size_percent == 0 || limits_.size_bytes <= 0) return;
  const std::int64_t share = total_bytes / 100 * limits_.size_percent;
  if (share <= limits_.size_bytes) return;
  log::info("the disk has grown, and with it what the data directory may take",
            {{"bytes", share}, {"percent", limits_.size_percent}});
  limits_.size_bytes = share;
}

void Retention::tell_of_size() {
  const std::chrono::nanoseconds now = parts_.clock.monotonic();
  if (told_of_size_ && now - *told_of_size_ < kTellOfSizeEvery) return;
  told_of_size_ = now;
  log::warning("the data directory has the size that retention.size allows; its oldest data go",
               {{"bytes", limits_.size_bytes}});
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

bool delete_group_rows(Connection& connection, std::int64_t keyframe) {
  const std::int64_t first = group_start(keyframe);
  std::int64_t end = 0;
  {
    Query last = connection.query("SELECT max(id) FROM journal WHERE id >= ? AND id < ?");
    last.with(first, group_start(keyframe + 1));
    end = last.step() ? std::max(last.integer(0) + 1, first) : first;
  }
  // From the end, so that what is left of the group stays readable.
  const std::int64_t from = std::max(first, end - kRowsOfSlice);
  connection.query("DELETE FROM journal WHERE id >= ? AND id < ?").with(from, end).run();
  if (from > first) return false;
  connection.query("DELETE FROM keyframe WHERE id=?").with(keyframe).run();
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
  const bool packs = bury_packs(id);
  if (packs) {
    // More of them next time.
  } else if (!groups.empty()) {
    for (const std::int64_t group : groups) {
      if (!delete_group_rows(connection_, group)) break;
    }
  } else if (!runs.empty()) {
    for (const std::int64_t run : runs) {
      connection_.query("DELETE FROM slot WHERE run_id=?").with(run).run();
      connection_.query("DELETE FROM run WHERE id=?").with(run).run();
    }
  } else {
    connection_.query("DELETE FROM bad_pack WHERE host_id=?").with(id).run();
    connection_.query("DELETE FROM seal WHERE host_id=?").with(id).run();
    connection_
        .query("DELETE FROM series_kept WHERE series_id IN (SELECT id FROM series WHERE host_id=?)")
        .with(id)
        .run();
    connection_.query("DELETE FROM series WHERE host_id=?").with(id).run();
    connection_.query("DELETE FROM host WHERE id=?").with(id).run();
  }
  transaction.commit();
  if (!packs && groups.empty() && runs.empty()) {
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
  if (over && drop_for_size()) {
    tell_of_size();
    return true;
  }
  for (const Tier tier : {Tier::raw, Tier::minute, Tier::hour}) {
    if (drop_packs(tier, cutoff_ms(tier), kGroupsOfSlice)) return true;
  }
  const std::int64_t cutoff = cutoff_ms(Tier::raw);
  if (cutoff != INT64_MIN) {
    if (!limits_.seals && drop_groups(oldest_groups(cutoff, kGroupsOfSlice))) return true;
    if (!limits_.seals && parts_.foreign.drop(cutoff, kForeignRowsOfSlice)) return true;
  }
  return drop_seals();
}

// For the store's size: the oldest samples, then windows of minutes, then of hours.
bool Retention::drop_for_size() {
  const std::int64_t oldest_pack = connection_.number(
      "SELECT coalesce((SELECT end_ms FROM pack WHERE tier=0 ORDER BY end_ms LIMIT 1),"
      " 9223372036854775807)");
  const std::vector<std::int64_t> groups = oldest_groups(INT64_MAX, 1);
  const auto ours = groups.empty() ? std::nullopt : group_max_ms(groups.front());
  const auto foreign = parts_.foreign.oldest_ms();
  // Whichever ends first goes first.
  if (foreign && *foreign < std::min(ours.value_or(INT64_MAX), oldest_pack)) {
    const auto rows = parts_.foreign.oldest(INT64_MAX, kForeignRowsWhenFull);
    if (const auto lost = lost_with(connection_, rows)) parts_.ages.note_gone(Tier::raw, *lost);
    if (parts_.foreign.drop(INT64_MAX, kForeignRowsWhenFull)) return true;
  }
  if (ours.value_or(INT64_MAX) < oldest_pack) return drop_group_for_size(groups);
  return drop_packs(Tier::raw, INT64_MAX, 1) || drop_group_for_size(groups) ||
         drop_packs(Tier::minute, INT64_MAX, 1) || drop_packs(Tier::hour, INT64_MAX, 1);
}

std::optional<std::int64_t> Retention::group_max_ms(std::int64_t keyframe) {
  Query query = connection_.query("SELECT max_ms FROM keyframe WHERE id=?");
  query.with(keyframe);
  if (!query.step()) return std::nullopt;
  return query.integer(0);
}

bool Retention::drop_group_for_size(std::span<const std::int64_t> groups) {
  if (!groups.empty()) {
    Query query = connection_.query("SELECT min_ms, max_ms FROM keyframe WHERE id=?");
    query.with(groups.front());
    if (query.step()) {
      // One tick with a wrong time stands for nothing.
      const std::int64_t begun = window_end_ms(query.integer(0), kWindowMs);
      const std::int64_t later = begun > INT64_MAX - kWindowMs ? begun : begun + kWindowMs;
      parts_.ages.note_gone(Tier::raw, std::min(later, window_end_ms(query.integer(1), kWindowMs)));
    }
  }
  return drop_groups(groups);
}

bool Retention::drop_groups(std::span<const std::int64_t> groups) {
  if (groups.empty()) return false;
  Transaction transaction(connection_);
  for (const std::int64_t group : groups) {
    note_group_forgotten(connection_, group);
    if (!delete_group_rows(connection_, group)) break;
  }
  transaction.commit();
  return true;
}

// All packs of a host with one end at once: whether samples of a window are there is answered for
// the window as a whole.
bool Retention::drop_packs(Tier tier, std::int64_t cutoff, std::int64_t most) {
  if (cutoff == INT64_MIN) return false;
  struct Place {
    std::int64_t host;
    std::int64_t end_ms;
  };
  std::vector<Place> places;
  {
    Query query = connection_.query(
        "SELECT DISTINCT end_ms, host_id FROM pack WHERE tier=? AND end_ms<=?"
        " ORDER BY end_ms LIMIT ?");
    query.with(static_cast<std::int64_t>(tier), cutoff, most);
    while (query.step()) places.push_back({query.integer(1), query.integer(0)});
  }
  if (places.empty()) return false;
  if (cutoff == INT64_MAX) parts_.ages.note_gone(tier, places.back().end_ms);
  Transaction transaction(connection_);
  for (const Place& place : places) {
    connection_.query("DELETE FROM pack WHERE host_id=? AND tier=? AND end_ms=?")
        .with(place.host, static_cast<std::int64_t>(tier), place.end_ms)
        .run();
  }
  transaction.commit();
  return true;
}

// Marks that no journal row can be measured against any more.
bool Retention::drop_seals() {
  const std::int64_t cutoff = cutoff_ms(Tier::raw);
  if (cutoff == INT64_MIN) return false;
  std::vector<std::pair<std::int64_t, std::int64_t>> places;
  {
    Query query = connection_.query(
        "SELECT host_id, end_ms FROM seal WHERE end_ms<=?1"
        " AND NOT EXISTS (SELECT 1 FROM keyframe WHERE keyframe.host_id = seal.host_id AND"
        " min_ms <= seal.end_ms AND max_ms >= seal.end_ms - ?2)"
        " AND (host_id != 0 OR NOT EXISTS (SELECT 1 FROM foreign_row WHERE"
        " min_ms <= seal.end_ms AND max_ms >= seal.end_ms - ?2))"
        " AND NOT EXISTS (SELECT 1 FROM pack WHERE pack.host_id = seal.host_id AND tier=0 AND"
        " pack.end_ms = seal.end_ms) LIMIT ?3");
    query.with(cutoff, kWindowMs, kRowsOfSlice);
    while (query.step()) places.emplace_back(query.integer(0), query.integer(1));
  }
  if (places.empty()) return false;
  Transaction transaction(connection_);
  for (const auto& [host, end] : places) {
    connection_.query("DELETE FROM seal WHERE host_id=? AND end_ms=?").with(host, end).run();
  }
  transaction.commit();
  return true;
}

bool Retention::bury_packs(std::int64_t host) {
  std::vector<std::int64_t> packs;
  {
    Query query = connection_.query("SELECT id FROM pack WHERE host_id=? LIMIT ?");
    packs = numbers(query.with(host, std::int64_t{4 * kGroupsOfSlice}));
  }
  for (const std::int64_t pack : packs) {
    connection_.query("DELETE FROM pack WHERE id=?").with(pack).run();
  }
  return !packs.empty();
}

bool Retention::drop_runs() {
  const std::int64_t patience =
      limits_.age_ms[0] > 0 ? std::max(limits_.age_ms[0], kRunPatienceMs) : kEndlessPatienceMs;
  const std::int64_t cutoff = parts_.ages.now_ms() - patience;
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

// What ended before is in no pack any more.
std::int64_t Retention::kept_since_ms() const {
  return std::min({cutoff_ms(Tier::raw), cutoff_ms(Tier::minute), cutoff_ms(Tier::hour)});
}

// At most some thousand; false: the host has none.
bool Retention::drop_series_of(std::int64_t host) {
  std::vector<SeriesId> unused;
  {
    Query query = connection_.query(
        "SELECT id FROM series WHERE host_id=?1 AND id BETWEEN 1 AND 4294967295"
        " AND id NOT IN (SELECT series_id FROM slot"
        " WHERE run_id IN (SELECT id FROM run WHERE host_id=?1))"
        " AND id NOT IN (SELECT series_id FROM series_kept WHERE until_ms > ?2)");
    query.with(host, kept_since_ms());
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
    const std::int64_t row = static_cast<std::uint32_t>(id);
    connection_.query("DELETE FROM series WHERE id=?").with(row).run();
    connection_.query("DELETE FROM series_kept WHERE series_id=?").with(row).run();
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
