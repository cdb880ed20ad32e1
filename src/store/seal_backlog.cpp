#include "store/seal_backlog.hpp"

#include <algorithm>

#include "store/window_builder.hpp"

namespace volta {
namespace {

using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Hosts are sealed one after the other over this time.
constexpr std::int64_t kStaggerMs = 60'000;
// Late samples are sealed when none came for a while, or have waited long.
constexpr minutes kQuiet{1};
constexpr minutes kLongestWait{10};
// A window further ahead than this is of a host whose clock is wrong.
constexpr std::int64_t kFarAheadMs = 2 * kWindowMs;
// What could not be sealed is tried again after this, then after twice as long, and so on.
constexpr seconds kFirstRetry{10};
constexpr int kMostDoublings = 8;
// Taken in by each look, however many are known.
constexpr std::size_t kLeastRoom = 1000;

std::int64_t backlog_number(HostId id) { return static_cast<std::uint32_t>(id); }

}  // namespace

bool SealBacklog::look(bool everything) {
  const auto changed = runs_.take_changed();
  if (!changed) loaded_to_ = 0;
  std::unordered_set<std::int64_t> growing;
  if (changed) {
    for (const ChangedGroup& group : *changed) {
      growing.insert(group.keyframe);
      if (group.keyframe <= loaded_to_) note(group);
    }
  }
  const std::size_t room =
      std::max(kLeastRoom, limits_.groups - std::min(limits_.groups, groups_.size()));
  std::size_t loaded = 0;
  bool stopped = stop_();
  {
    Query query = reader_.query(
        "SELECT id, host_id, min_ms, max_ms FROM keyframe WHERE id > ? ORDER BY id LIMIT ?");
    query.with(loaded_to_, static_cast<std::int64_t>(room));
    for (; !stopped && query.step(); ++loaded, stopped = stop_()) {
      loaded_to_ = query.integer(0);
      note({loaded_to_, HostId(static_cast<std::uint32_t>(query.integer(1))), query.integer(2),
            query.integer(3)});
    }
  }
  // One that grows all the time is read when it has ended.
  const std::vector<std::int64_t> unread(unread_.begin(), unread_.end());
  for (const std::int64_t id : unread) {
    stopped = stopped || stop_();
    if (stopped) break;
    const auto group = groups_.find(id);
    if (group == groups_.end() || (growing.contains(id) && !everything)) continue;
    find_inner(id, group->second);
  }
  return loaded < room && !stopped;
}

bool SealBacklog::has_inner(const Group& group) {
  const std::int64_t first = window_end_ms(group.min_ms, kWindowMs);
  const std::int64_t last = window_end_ms(group.max_ms, kWindowMs);
  return first <= INT64_MAX - kWindowMs && last > first + kWindowMs;
}

std::vector<std::int64_t> SealBacklog::windows_of(const Group& group) {
  std::vector<std::int64_t> ends = group.inner;
  ends.push_back(window_end_ms(group.min_ms, kWindowMs));
  ends.push_back(window_end_ms(group.max_ms, kWindowMs));
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

void SealBacklog::note(const ChangedGroup& changed) {
  Group& group = groups_[changed.keyframe];
  group.sealed.reset();
  group.given_up.clear();
  group.host = changed.host;
  group.min_ms = changed.min_ms;
  group.max_ms = changed.max_ms;
  const std::int64_t first = window_end_ms(group.min_ms, kWindowMs);
  const std::int64_t last = window_end_ms(group.max_ms, kWindowMs);
  enter(changed.keyframe, group, first);
  if (last != first) enter(changed.keyframe, group, last);
  if (has_inner(group)) unread_.insert(changed.keyframe);
}

void SealBacklog::enter(std::int64_t id, Group& group, std::int64_t end_ms) {
  const nanoseconds now = clock_.monotonic();
  const auto [place, is_new] = places_.try_emplace({end_ms, group.host});
  if (is_new) place->second.since = now;
  place->second.changed = now;
  if (!place->second.groups.insert(id).second) return;
  group.pending.insert(end_ms);
  closed_.erase(id);
}

void SealBacklog::find_inner(std::int64_t id, Group& group) {
  unread_.erase(id);
  std::set<std::int64_t> ends;
  const VisitedGroup visited = visit_group(reader_, id, UINT64_MAX, [&](const JournalRow& row) {
    for (const std::int64_t time : row.batch->times_ms) {
      ends.insert(window_end_ms(time, kWindowMs));
    }
  });
  group.visited = visited;
  group.inner.assign(ends.begin(), ends.end());
  group.inner_known_to = visited.last_row;
  for (const std::int64_t end : group.inner) enter(id, group, end);
}

bool SealBacklog::is_quiet(const Pending& pending) const {
  const nanoseconds now = clock_.monotonic();
  return now - pending.changed >= kQuiet || now - pending.since >= kLongestWait;
}

// As far as the clocks tell.
bool SealBacklog::is_ripe(const Place& place, const Pending& pending) const {
  if (clock_.monotonic() < pending.retry_at) return false;
  const std::int64_t now = clock_.wall_ms();
  const std::int64_t end = place.first;
  if (end > now && end - now > kFarAheadMs)
    return clock_.monotonic() - pending.since >= kLongestWait;
  const std::int64_t stagger = backlog_number(place.second) * 7'919 % kStaggerMs;
  if (end > now - limits_.grace_ms - stagger) return false;
  return pending.sealed_to.value_or(0) == 0 || is_quiet(pending);
}

// The windows of now, of which every host has one, are stepped over.
std::vector<SealBacklog::Place> SealBacklog::ripe(bool everything) const {
  std::vector<Place> found;
  const std::int64_t now = clock_.wall_ms();
  const auto over = places_.lower_bound({now - limits_.grace_ms, HostId{}});
  const auto far = places_.lower_bound({now + kFarAheadMs, HostId{}});
  for (auto at = places_.begin(); at != places_.end(); ++at) {
    if (!everything && at == over) at = far;
    if (at == places_.end()) break;
    if (everything || is_ripe(at->first, at->second)) found.push_back(at->first);
  }
  return found;
}

std::vector<SealWindow> SealBacklog::due(bool everything) {
  std::vector<SealWindow> windows;
  for (const Place& place : ripe(everything)) {
    if (stop_()) break;
    if (const auto window = confirmed(place, everything)) windows.push_back(*window);
  }
  return windows;
}

// Reads what is there: rows that the mark does not cover, of a host that was not removed.
std::optional<SealWindow> SealBacklog::confirmed(const Place& place, bool everything) {
  const auto at = places_.find(place);
  if (at == places_.end()) return std::nullopt;
  if (!host_is_there(place.second)) {
    forget_host(place.second);
    return std::nullopt;
  }
  Pending& pending = at->second;
  const std::int64_t sealed_to = mark(place);
  pending.sealed_to = sealed_to;
  std::int64_t newest = 0;
  const std::set<std::int64_t> groups = pending.groups;
  for (const std::int64_t id : groups) {
    if (const auto row = last_row(id)) {
      newest = std::max(newest, row->accepted);
    } else {
      forget(id);  // retention took it; its last one takes the place along
    }
  }
  if (newest == 0) return std::nullopt;
  if (newest <= sealed_to) {
    close(place);
    return std::nullopt;
  }
  if (!everything && !is_ripe(place, pending)) return std::nullopt;
  // As retention sees it: what it would delete at once need not be written.
  const bool old = place.first <= ages_.cutoff_ms(Tier::raw);
  return SealWindow{place.second, place.first, sealed_to, old};
}

void SealBacklog::sealed(const SealWindow& window,
                         const std::map<std::int64_t, VisitedGroup>& visited) {
  for (const auto& [id, found] : visited) {
    const auto group = groups_.find(id);
    if (group != groups_.end()) group->second.visited = found;
  }
  close({window.end_ms, window.host});
}

int SealBacklog::failed(const SealWindow& window) {
  const auto place = places_.find({window.end_ms, window.host});
  if (place == places_.end()) return 1;
  Pending& pending = place->second;
  const nanoseconds wait = kFirstRetry * (1 << std::min(pending.failures, kMostDoublings));
  pending.retry_at = clock_.monotonic() + wait;
  return ++pending.failures;
}

void SealBacklog::give_up(const SealWindow& window) {
  const Place place{window.end_ms, window.host};
  const auto at = places_.find(place);
  if (at == places_.end()) return;
  for (const std::int64_t id : at->second.groups) groups_.at(id).given_up.insert(window.end_ms);
  close(place);
}

void SealBacklog::close(const Place& place) {
  const auto at = places_.find(place);
  if (at == places_.end()) return;
  for (const std::int64_t id : at->second.groups) {
    Group& group = groups_.at(id);
    group.pending.erase(place.first);
    if (group.pending.empty()) closed_.insert(id);
  }
  places_.erase(at);
}

void SealBacklog::forget(std::int64_t id) {
  const auto group = groups_.find(id);
  if (group == groups_.end()) return;
  for (const std::int64_t end : group->second.pending) {
    const auto place = places_.find({end, group->second.host});
    place->second.groups.erase(id);
    if (place->second.groups.empty()) places_.erase(place);
  }
  groups_.erase(group);
  closed_.erase(id);
  unread_.erase(id);
}

void SealBacklog::forget_host(HostId host) {
  std::vector<std::int64_t> ids;
  for (const auto& [id, group] : groups_) {
    if (group.host == host) ids.push_back(id);
  }
  for (const std::int64_t id : ids) forget(id);
}

std::vector<SealBacklog::SealedGroup> SealBacklog::sealed_groups() {
  std::vector<SealedGroup> found;
  if (closed_.empty()) return found;
  const std::unordered_set<std::int64_t> in_force = runs_.in_force();
  const std::vector<std::int64_t> ids(closed_.begin(), closed_.end());
  for (const std::int64_t id : ids) {
    if (stop_()) break;
    if (in_force.contains(id)) continue;
    Group& group = groups_.at(id);
    if (!group.sealed && !read_sealed(id, group)) continue;
    found.push_back(*group.sealed);
    found.back().too_old = group.max_ms <= ages_.cutoff_ms(Tier::raw);
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return found;
}

void SealBacklog::doubt(std::int64_t id) {
  const auto group = groups_.find(id);
  if (group != groups_.end()) group->second.sealed.reset();
}

// False: it is not sealed, or gone.
bool SealBacklog::read_sealed(std::int64_t id, Group& group) {
  const auto last = last_row(id);
  if (!last || !refresh(id, group)) {
    forget(id);
    return false;
  }
  if (!is_sealed(id, group, last->accepted)) return false;
  if (group.visited.last_row != last->id) {
    group.visited = visit_group(reader_, id, UINT64_MAX, [](const JournalRow&) {});
  }
  group.sealed = {id, group.host, last->accepted, group.visited.broken, false};
  return true;
}

// The group's span as it is stored, and the windows within; false: it is gone.
bool SealBacklog::refresh(std::int64_t id, Group& group) {
  {
    Query query = reader_.query("SELECT min_ms, max_ms FROM keyframe WHERE id=?");
    if (!query.with(id).step()) return false;
    group.min_ms = query.integer(0);
    group.max_ms = query.integer(1);
  }
  const auto last = last_row(id);
  if (last && has_inner(group) && group.inner_known_to != last->id) find_inner(id, group);
  return true;
}

// Enters it again where it is not.
bool SealBacklog::is_sealed(std::int64_t id, Group& group, std::int64_t accepted) {
  for (const std::int64_t end : windows_of(group)) {
    if (mark({end, group.host}) < accepted && !group.given_up.contains(end)) enter(id, group, end);
  }
  return group.pending.empty();
}

std::optional<SealBacklog::LastRow> SealBacklog::last_row(std::int64_t group) {
  Query query = reader_.query(
      "SELECT id, accepted FROM journal WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1");
  if (!query.with(group_start(group), group_start(group + 1)).step()) return std::nullopt;
  return LastRow{query.integer(0), query.integer(1)};
}

bool SealBacklog::host_is_there(HostId host) {
  Query query = reader_.query("SELECT 1 FROM host WHERE id=? AND removed=0");
  return query.with(backlog_number(host)).step();
}

std::int64_t SealBacklog::mark(const Place& place) {
  Query query = reader_.query("SELECT accepted FROM seal WHERE host_id=? AND end_ms=?");
  return query.with(backlog_number(place.second), place.first).step() ? query.integer(0) : 0;
}

}  // namespace volta
