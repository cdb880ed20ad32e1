#include "store/sealer.hpp"

#include <algorithm>
#include <chrono>

#include "base/log.hpp"
#include "store/retention.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

constexpr std::chrono::seconds kLook{5};
// Hosts are sealed one after the other over this time.
constexpr std::int64_t kStaggerMs = 60'000;
constexpr std::int64_t kMergeLookMs = 60'000;
// Late samples are sealed when none came for a while, or have waited long.
constexpr std::int64_t kQuietMs = 60'000;
constexpr std::int64_t kLongestWaitMs = 600'000;
// A window further ahead than this is of a host whose clock is wrong.
constexpr std::int64_t kFarAheadMs = 2 * kWindowMs;
// How long a series with packs is kept from here on; written anew when that is over.
constexpr std::int64_t kKeptStepMs = 30LL * 24 * kWindowMs;

std::int64_t host_row(HostId id) { return static_cast<std::uint32_t>(id); }

}  // namespace

Sealer::Sealer(Parts parts, Writer& writer, std::unique_ptr<Connection> reader, Limits limits)
    : parts_(parts),
      writer_(writer),
      reader_(std::move(reader)),
      limits_(limits),
      merger_({*reader_, parts.series, parts.bad, workshop_, writer}),
      foreign_({parts.clock, parts.series, *reader_, writer, parts.foreign_head, parts.hold},
               {limits.grace_ms, limits.raw_age_ms}) {
  Query query = reader_->query("SELECT series_id, until_ms FROM series_kept");
  while (query.step()) {
    kept_until_[SeriesId(static_cast<std::uint32_t>(query.integer(0)))] = query.integer(1);
  }
  if (limits_.background) thread_ = std::thread([this] { loop(); });
}

Sealer::~Sealer() { stop(); }

void Sealer::stop() {
  stopping_ = true;
  { const std::lock_guard lock(mutex_); }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Sealer::loop() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLook, [&] { return stopping(); })) {
    lock.unlock();
    try {
      seal_due();
      failing_ = false;
    } catch (const Failure& failure) {
      if (!stopping() && !failing_) {
        log::warning("sealing failed and is tried again", {{"error", failure.what()}});
      }
      failing_ = true;
    }
    lock.lock();
  }
}

void Sealer::seal_due() { pass(false); }

void Sealer::seal_all() { pass(true); }

void Sealer::pass(bool everything) {
  const std::lock_guard lock(pass_);
  if (writer_.read_only()) return;  // what little room there is belongs to retention
  try {
    quarantine_bad();
    for (const SealWindow& window : find_due(find_groups(), everything)) {
      if (stopping()) return;
      seal(window);
    }
    seal_foreign(everything);
    sweep(find_groups());
    foreign_.sweep([this] { return stopping(); });
    merge(everything);
  } catch (...) {
    if (!stopping()) ++counters_.failures;
    throw;
  }
}

void Sealer::seal_foreign(bool everything) {
  do {
    for (const SealWindow& window : foreign_.find_due(everything)) {
      if (stopping()) return;
      seal(window);
    }
  } while (everything && foreign_.has_more());
}

std::vector<Sealer::Group> Sealer::find_groups() {
  struct Times {
    std::int64_t min_ms;
    std::int64_t max_ms;
  };
  std::vector<Group> groups;
  std::vector<Times> times;
  {
    Query query = reader_->query("SELECT id, host_id, min_ms, max_ms FROM keyframe");
    while (query.step()) {
      Group& group = groups.emplace_back();
      group.id = query.integer(0);
      group.host = HostId(static_cast<std::uint32_t>(query.integer(1)));
      times.push_back({query.integer(2), query.integer(3)});
    }
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    Group& group = groups[i];
    {
      Query query = reader_->query(
          "SELECT id, accepted FROM journal WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1");
      query.with(group_start(group.id), group_start(group.id + 1));
      if (!query.step()) continue;
      group.last_row = query.integer(0);
      group.last_accepted = query.integer(1);
    }
    find_windows(group, times[i].min_ms, times[i].max_ms);
  }
  std::erase_if(groups, [](const Group& group) { return group.last_row == 0; });
  return groups;
}

// Both ends have a tick; between them there may be any windows or none.
void Sealer::find_windows(Group& group, std::int64_t min_ms, std::int64_t max_ms) {
  const std::int64_t first = window_end_ms(min_ms, kWindowMs);
  const std::int64_t last = window_end_ms(max_ms, kWindowMs);
  group.windows = {first};
  if (last != first) group.windows.push_back(last);
  if (first > INT64_MAX - kWindowMs || last <= first + kWindowMs) return;
  const auto known = wide_.find(group.id);
  if (known != wide_.end() && known->second.last_row == group.last_row) {
    group.windows = known->second.windows;
    return;
  }
  std::set<std::int64_t> ends;
  visit_group(*reader_, group.id, UINT64_MAX, [&](const JournalRow& row) {
    for (const std::int64_t time : row.batch->times_ms) {
      ends.insert(window_end_ms(time, kWindowMs));
    }
  });
  ends.insert(first);
  ends.insert(last);
  group.windows.assign(ends.begin(), ends.end());
  wide_[group.id] = group;
}

bool Sealer::is_due(const Place& place, std::int64_t after, const Pending& pending) const {
  const std::int64_t now = parts_.clock.wall_ms();
  const std::int64_t end = place.first;
  if (end > now && end - now > kFarAheadMs) return now - pending.since_ms >= kLongestWaitMs;
  const std::int64_t stagger = host_row(place.second) * 7'919 % kStaggerMs;
  if (end > now - limits_.grace_ms - stagger) return false;
  if (after == 0) return true;
  return now - pending.changed_ms >= kQuietMs || now - pending.since_ms >= kLongestWaitMs;
}

std::vector<SealWindow> Sealer::find_due(const std::vector<Group>& groups, bool everything) {
  const std::int64_t now = parts_.clock.wall_ms();
  std::map<HostId, SealMarks> seals;
  std::map<Place, Pending> pending;
  std::map<Place, std::int64_t> after;
  for (const Group& group : groups) {
    const auto found = seals.try_emplace(group.host);
    SealMarks& marks = found.first->second;
    if (found.second) marks = SealMarks::read(*reader_, group.host, {INT64_MIN, INT64_MAX});
    for (const std::int64_t end : group.windows) {
      const std::int64_t sealed_to = marks.accepted(end);
      if (sealed_to >= group.last_accepted) continue;
      const Place place{end, group.host};
      after[place] = sealed_to;
      const auto [entry, first] = pending.try_emplace(place, Pending{0, now, now});
      if (first) {
        const auto known = pending_.find(place);
        if (known != pending_.end()) entry->second.since_ms = known->second.since_ms;
      }
      entry->second.accepted = std::max(entry->second.accepted, group.last_accepted);
    }
  }
  std::vector<SealWindow> due;
  for (auto& [place, entry] : pending) {
    const auto known = pending_.find(place);
    if (known != pending_.end() && known->second.accepted == entry.accepted) {
      entry.changed_ms = known->second.changed_ms;
    }
    if (!everything && !is_due(place, after[place], entry)) continue;
    const bool old = limits_.raw_age_ms > 0 && place.first <= now - limits_.raw_age_ms;
    due.push_back({place.second, place.first, after[place], old});
  }
  pending_ = std::move(pending);
  return due;
}

void Sealer::seal(const SealWindow& window) {
  const auto start = std::chrono::steady_clock::now();
  const SealJob::Parts parts{*reader_, parts_.series, parts_.bad, workshop_};
  SealJob job(parts, window,
              window.host == kNoHost ? foreign_.source(window) : journal_source(parts, window));
  auto sealed = job.run([this] { return stopping(); });
  if (!sealed) return;
  write(window, *sealed);
  if (window.host == kNoHost) foreign_.note_sealed(window, sealed->accepted);
  if (window.after != 0) merger_.note_late(window.host, window.end_ms);
  ++counters_.windows;
  counters_.samples += sealed->samples;
  for (const NewPack& pack : sealed->packs) counters_.bytes += pack.data.size();
  counters_.us += static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                                 std::chrono::steady_clock::now() - start)
                                                 .count());
}

// A look costs some; what it finds is never urgent.
void Sealer::merge(bool everything) {
  const std::int64_t now = parts_.clock.wall_ms();
  if (!everything && now < next_merge_ms_ && next_merge_ms_ - now < 2 * kMergeLookMs) return;
  next_merge_ms_ = now + kMergeLookMs;
  counters_.bytes += merger_.pass(now, everything, [this] { return stopping(); });
}

void Sealer::write(const SealWindow& window, Sealed& sealed) {
  writer_.call([&](Connection& connection) {
    for (const NewPack& pack : sealed.packs) insert_pack(connection, pack);
    connection
        .query(
            "INSERT INTO seal(host_id, end_ms, accepted) VALUES (?,?,?)"
            " ON CONFLICT(host_id, end_ms) DO UPDATE SET accepted=max(accepted, excluded.accepted)")
        .with(host_row(window.host), window.end_ms, sealed.accepted)
        .run();
    keep_series(connection, window, sealed);
  });
  for (const SeriesId id : sealed.series) {
    std::int64_t& until = kept_until_[id];
    until = std::max(until, window_end_ms(window.end_ms, kKeptStepMs));
  }
}

void Sealer::keep_series(Connection& writer, const SealWindow& window, const Sealed& sealed) {
  const std::int64_t until = window_end_ms(window.end_ms, kKeptStepMs);
  for (const SeriesId id : sealed.series) {
    const auto known = kept_until_.find(id);
    if (known != kept_until_.end() && known->second >= until) continue;
    writer.query("INSERT OR REPLACE INTO series_kept(series_id, until_ms) VALUES (?,?)")
        .with(std::int64_t{static_cast<std::uint32_t>(id)}, until)
        .run();
  }
}

// Groups that lie in sealed windows as a whole and to which nothing can be added any more.
void Sealer::sweep(const std::vector<Group>& groups) {
  std::map<HostId, SealMarks> seals;
  for (const Group& group : groups) {
    if (stopping()) return;
    const auto found = seals.try_emplace(group.host);
    SealMarks& marks = found.first->second;
    if (found.second) marks = SealMarks::read(*reader_, group.host, {INT64_MIN, INT64_MAX});
    const bool sealed =
        std::all_of(group.windows.begin(), group.windows.end(),
                    [&](std::int64_t end) { return marks.accepted(end) >= group.last_accepted; });
    if (sealed && parts_.hold.lets_go(group.last_accepted)) sweep(group);
  }
}

void Sealer::sweep(const Group& group) {
  if (parts_.runs.in_force().contains(group.id)) return;
  for (bool gone = false; !gone && !stopping();) {
    writer_.call([&](Connection& connection) {
      gone = true;
      // It may have come into force meanwhile, with a batch more.
      if (parts_.runs.in_force().contains(group.id)) return;
      Query query = connection.query("SELECT max(accepted) FROM journal WHERE id >= ? AND id < ?");
      query.with(group_start(group.id), group_start(group.id + 1));
      if (query.step() && query.integer(0) > group.last_accepted) return;
      note_group_forgotten(connection, group.id);
      gone = delete_group_rows(connection, group.id);
    });
  }
  wide_.erase(group.id);
}

void Sealer::quarantine_bad() {
  const auto bad = parts_.bad.take();
  if (bad.empty()) return;
  writer_.call([&](Connection& connection) {
    for (const auto& [id, reason] : bad) {
      quarantine(connection, id, reason, parts_.clock.wall_ms());
    }
  });
}

}  // namespace volta
