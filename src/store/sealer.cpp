#include "store/sealer.hpp"

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/threads.hpp"
#include "store/retention.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

constexpr std::size_t kWindowsBetweenSweeps = 32;
constexpr std::chrono::seconds kSealLook{5};
constexpr std::int64_t kMergeLookMs = 60'000;
// How long a series with packs is kept from here on; written anew when that is over.
constexpr std::int64_t kKeptStepMs = 30LL * 24 * kWindowMs;
// Windows that fail in a row before the rest is left for the next pass: it is not about them then.
constexpr int kMostFailures = 64;
// A window that fails this often, for this long, is not sealed any more.
constexpr int kLeastFailures = 5;
constexpr std::chrono::hours kGiveUpAfter{1};
// Of the journal, deleted in one transaction. Rows of one are bounded beside that.
constexpr std::size_t kGroupsOfSweep = 8;
// Of one window in turn, while retention takes its packs.
constexpr int kSealGoes = 5;

std::int64_t host_row(HostId id) { return static_cast<std::uint32_t>(id); }

// Within the transaction that writes for the host: it may have been removed since its journal was
// read, and nobody would look for its packs any more. Foreign samples are of no host.
bool takes_packs(Connection& writer, HostId host) {
  if (host == kNoHost) return true;
  Query query = writer.query("SELECT 1 FROM host WHERE id=? AND removed=0");
  return query.with(host_row(host)).step();
}

bool are_there(Connection& writer, std::span<const std::int64_t> packs) {
  return std::all_of(packs.begin(), packs.end(), [&](std::int64_t id) {
    Query query = writer.query("SELECT 1 FROM pack WHERE id=?");
    return query.with(id).step();
  });
}

}  // namespace

Sealer::Sealer(Parts parts, Writer& writer, std::unique_ptr<Connection> reader, Limits limits)
    : parts_(parts),
      writer_(writer),
      reader_(std::move(reader)),
      limits_(limits),
      merger_({*reader_, parts.clock, parts.series, parts.bad, workshop_, writer}),
      backlog_({parts.clock, parts.ages, *reader_, parts.runs, [this] { return stopping(); }},
               {limits.grace_ms}),
      foreign_(
          {parts.clock, parts.ages, parts.series, *reader_, writer, parts.foreign_head, parts.hold},
          {limits.grace_ms}) {
  Query query = reader_->query("SELECT series_id, until_ms FROM series_kept");
  while (query.step()) {
    kept_until_[SeriesId(static_cast<std::uint32_t>(query.integer(0)))] = query.integer(1);
  }
  if (limits_.background) thread_ = start_thread("seal", [this] { loop(); });
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
  while (!wake_.wait_for(lock, kSealLook, [&] { return stopping(); })) {
    lock.unlock();
    try {
      (void)pass(false);  // a window's failure is logged and comes again by itself
      failing_ = false;
    } catch (const std::exception& failure) {
      if (!stopping() && !failing_) {
        log::warning("sealing failed and is tried again",
                     {{"error", std::string_view(failure.what())}});
      }
      failing_ = true;
    }
    lock.lock();
  }
}

void Sealer::seal_due() {
  if (const auto failure = pass(false)) std::rethrow_exception(failure);
}

void Sealer::seal_all() {
  if (const auto failure = pass(true)) std::rethrow_exception(failure);
  if (writer_.read_only()) {
    throw Failure(
        "the store takes no data now, since its disk is full, nearly full or failing; not all was "
        "sealed");
  }
}

std::exception_ptr Sealer::pass(bool everything) {
  const std::lock_guard lock(pass_);
  std::exception_ptr first;
  if (writer_.read_only()) return first;  // what little room there is belongs to retention
  try {
    quarantine_bad();
    if (everything) backlog_.start_over();
    for (bool complete = false; !complete && !stopping();) {
      complete = backlog_.look(everything) || !everything;
      const auto failure = seal_windows(backlog_.due(everything));
      if (!first) first = failure;
      sweep();
    }
    if (stopping()) return first;
    const auto failure = seal_foreign(everything);
    if (!first) first = failure;
    merge(everything);
  } catch (...) {
    if (!stopping()) ++counters_.failures;
    throw;
  }
  return first;
}

std::exception_ptr Sealer::seal_foreign(bool everything) {
  std::exception_ptr first;
  do {
    first = seal_windows(foreign_.find_due(everything));
  } while (!first && everything && !stopping() && foreign_.has_more());
  if (const auto failure = foreign_.look_failure()) {
    ++counters_.failures;
    if (!first) first = failure;
  }
  counters_.damaged_rows = foreign_.damaged_rows();
  foreign_.sweep([this] { return stopping(); });
  return first;
}

std::exception_ptr Sealer::seal_windows(const std::vector<SealWindow>& windows) {
  std::exception_ptr first;
  int failures = 0;
  std::size_t sealed = 0;
  for (const SealWindow& window : windows) {
    if (stopping() || writer_.read_only() || failures >= kMostFailures) break;
    try {
      seal(window);
      failures = 0;
      // Copies in the journal count as the store's size, for which retention lets samples go.
      if (++sealed % kWindowsBetweenSweeps == 0 && window.host != kNoHost) sweep();
    } catch (const std::exception& failure) {
      if (stopping()) break;
      if (!first) first = std::current_exception();
      ++failures;
      note_failure(window, failure);
      if (is_hopeless(window)) give_up(window);
    }
  }
  return first;
}

void Sealer::note_failure(const SealWindow& window, const std::exception& failure) {
  ++counters_.failures;
  const int times = window.host == kNoHost ? foreign_.failed(window) : backlog_.failed(window);
  if (times > 1) return;
  log::error("an hour of a host could not be sealed; it stays readable and is tried again",
             {{"host", static_cast<std::uint32_t>(window.host)},
              {"end_ms", window.end_ms},
              {"error", std::string_view(failure.what())}});
}

// Else what retention leaves to the sealer would never go.
bool Sealer::is_hopeless(const SealWindow& window) {
  const std::chrono::nanoseconds now = parts_.clock.monotonic();
  const auto trouble = troubles_.failed(window.host, window.end_ms, now);
  return trouble.failures >= kLeastFailures && now - trouble.since >= kGiveUpAfter &&
         window.end_ms <= parts_.ages.cutoff_ms(Tier::raw);
}

void Sealer::give_up(const SealWindow& window) {
  log::error("an hour of a host that could not be sealed is older than samples are kept and goes",
             {{"host", static_cast<std::uint32_t>(window.host)}, {"end_ms", window.end_ms}});
  troubles_.forget(window.host, window.end_ms);
  if (window.host == kNoHost) {
    foreign_.note_sealed(window, INT64_MAX);
  } else {
    backlog_.give_up(window);
  }
}

std::optional<Sealed> Sealer::run_job(const SealWindow& window) {
  saved_.clear();
  SealJob::Parts parts{*reader_, parts_.series, parts_.bad, workshop_, parts_.hold.newest()};
  parts.samples_of_slice = limits_.samples_of_slice;
  parts.bytes_of_slice = limits_.bytes_of_slice;
  parts.save = [&](std::span<const NewPack> packs) { save_samples(window, packs); };
  const bool foreign = window.host == kNoHost;
  SealJob job(parts, window, foreign ? foreign_.source(window) : journal_source(parts, window));
  return job.run([this] { return stopping(); });
}

void Sealer::seal(const SealWindow& due) {
  const auto start = std::chrono::steady_clock::now();
  SealWindow window = due;
  window.let_go = parts_.ages.kept_since_ms(Tier::raw) > window.end_ms;
  std::optional<Sealed> sealed;
  for (int tries = 1;; ++tries) {
    sealed = run_job(window);
    if (!sealed) return;
    if (write(window, *sealed)) break;
    if (tries == kSealGoes) throw Failure("its packs went while it was sealed, again and again");
  }
  troubles_.forget(window.host, window.end_ms);
  if (window.host == kNoHost) {
    foreign_.note_sealed(window, sealed->accepted);
  } else {
    backlog_.sealed(window, sealed->visited);
  }
  ++counters_.windows;
  counters_.samples += sealed->samples;
  counters_.us += static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                                 std::chrono::steady_clock::now() - start)
                                                 .count());
}

// A look costs some; what it finds is never urgent.
void Sealer::merge(bool everything) {
  const std::int64_t now = parts_.clock.wall_ms();
  if (!everything && now < next_merge_ms_ && next_merge_ms_ - now < 2 * kMergeLookMs) return;
  next_merge_ms_ = now + kMergeLookMs;
  counters_.bytes += merger_.pass(everything, [this] { return stopping(); });
}

void Sealer::save_samples(const SealWindow& window, std::span<const NewPack> packs) {
  std::vector<std::int64_t> ids;
  writer_.call([&](Connection& connection) {
    ids.clear();
    if (!takes_packs(connection, window.host)) return;
    for (const NewPack& pack : packs) {
      insert_pack(connection, pack);
      ids.push_back(connection.last_insert_id());
    }
  });
  saved_.insert(saved_.end(), ids.begin(), ids.end());
  for (const NewPack& pack : packs) counters_.bytes += pack.data.size();
}

bool Sealer::write(const SealWindow& window, const Sealed& sealed) {
  bool written = false;
  bool stands = false;
  writer_.call([&](Connection& connection) {
    written = takes_packs(connection, window.host);
    // Retention may have taken them since; the windows were made of less then than they say.
    stands = are_there(connection, sealed.stands_on) && are_there(connection, saved_);
    if (!written || !stands) return;
    // Of a seal that came to no end; what they have is in the packs of this one.
    connection
        .query(
            "DELETE FROM pack WHERE host_id=? AND tier=0 AND end_ms=? AND span_ms=? AND accepted>?"
            " AND id<?")
        .with(host_row(window.host), window.end_ms, kWindowMs, window.after,
              saved_.empty() ? INT64_MAX : saved_.front())
        .run();
    for (const NewPack& pack : sealed.packs) insert_pack(connection, pack);
    connection
        .query(
            "INSERT INTO seal(host_id, end_ms, accepted) VALUES (?,?,?)"
            " ON CONFLICT(host_id, end_ms) DO UPDATE SET accepted=max(accepted, excluded.accepted)")
        .with(host_row(window.host), window.end_ms, sealed.accepted)
        .run();
    keep_series(connection, window, sealed);
  });
  if (!written) return true;  // nobody looks for them
  if (!stands) return false;
  for (const NewPack& pack : sealed.packs) counters_.bytes += pack.data.size();
  for (const SeriesId id : sealed.series) {
    std::int64_t& until = kept_until_[id];
    until = std::max(until, window_end_ms(window.end_ms, kKeptStepMs));
  }
  return true;
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

// Some groups at a time, so that a commit never waits long.
void Sealer::sweep() {
  std::vector<SealBacklog::SealedGroup> groups = backlog_.sealed_groups();
  std::erase_if(groups, [&](const auto& group) {
    return !parts_.hold.lets_go(group.last_accepted) || keeps_broken(group);
  });
  while (!groups.empty() && !stopping()) {
    std::vector<Swept> swept;
    writer_.call([&](Connection& connection) {
      swept.clear();
      // They may have come into force meanwhile, with a batch more.
      const std::unordered_set<std::int64_t> in_force = parts_.runs.in_force();
      while (swept.size() < std::min(kGroupsOfSweep, groups.size())) {
        const auto& group = groups[groups.size() - 1 - swept.size()];
        const bool used = in_force.contains(group.id);
        swept.push_back(used ? Swept::kept : sweep(connection, group));
        if (swept.back() == Swept::in_part) break;
      }
    });
    for (const Swept what : swept) {
      if (what == Swept::in_part) break;
      if (what == Swept::gone) backlog_.forget(groups.back().id);
      if (what == Swept::kept) backlog_.doubt(groups.back().id);
      groups.pop_back();
    }
  }
}

Sealer::Swept Sealer::sweep(Connection& writer, const SealBacklog::SealedGroup& group) {
  {
    Query query = writer.query("SELECT max(accepted) FROM journal WHERE id >= ? AND id < ?");
    query.with(group_start(group.id), group_start(group.id + 1));
    if (query.step() && query.integer(0) > group.last_accepted) return Swept::kept;
  }
  note_group_forgotten(writer, group.id);
  return delete_group_rows(writer, group.id) ? Swept::gone : Swept::in_part;
}

// Nobody can read these rows now, but somebody may want to look at what is left of them.
bool Sealer::keeps_broken(const SealBacklog::SealedGroup& group) {
  if (group.broken == 0) return false;
  if (broken_groups_.insert(group.id).second) {
    log::error("batches of the journal do not decode; their group is kept beside its packs",
               {{"group", group.id},
                {"host", static_cast<std::uint32_t>(group.host)},
                {"batches", group.broken}});
  }
  return !group.too_old;
}

void Sealer::quarantine_bad() {
  const auto bad = parts_.bad.take();
  if (bad.empty()) return;
  try {
    writer_.call([&](Connection& connection) {
      for (const auto& [id, reason] : bad) {
        quarantine(connection, id, reason, parts_.clock.wall_ms());
      }
    });
  } catch (...) {
    parts_.bad.give_back(bad);
    throw;
  }
}

}  // namespace volta
