#include "prom/scrape_schedule.hpp"

#include "base/assert.hpp"

namespace volta {
namespace {

constexpr std::int64_t kGridToleranceMs = 10;

// How far behind the last moment of its grid `wall_ms` is: 0 .. interval - 1.
std::int64_t behind_grid(std::int64_t wall_ms, std::int64_t interval_ms, std::uint64_t hash) {
  const auto offset = static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(interval_ms));
  const std::int64_t rest = (wall_ms - offset) % interval_ms;
  return rest < 0 ? rest + interval_ms : rest;
}

}  // namespace

void ScrapeSchedule::add(Id id, std::chrono::milliseconds interval, std::uint64_t hash,
                         std::int64_t wall_ms, Time now) {
  VOLTA_ASSERT(interval.count() > 0 && !entries_.contains(id));
  const std::int64_t behind = behind_grid(wall_ms, interval.count(), hash);
  Entry entry;
  entry.interval = interval;
  entry.due = now + (behind == 0 ? Time(0) : interval - std::chrono::milliseconds(behind));
  quick_.emplace(entry.due, id);
  entries_.emplace(id, entry);
}

bool ScrapeSchedule::remove(Id id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return true;
  if (found->second.running) {
    found->second.removed = true;
    return false;
  }
  queue_of(found->second).erase({found->second.due, id});
  entries_.erase(found);
  return true;
}

void ScrapeSchedule::keep(Id id) { entries_.at(id).removed = false; }

std::optional<ScrapeSchedule::Id> ScrapeSchedule::take(Time now, bool slow_too) {
  const bool quick_due = !quick_.empty() && quick_.begin()->first <= now;
  const bool slow_due = slow_too && !slow_.empty() && slow_.begin()->first <= now;
  if (!quick_due && !slow_due) return std::nullopt;
  const bool from_slow = slow_due && (!quick_due || *slow_.begin() < *quick_.begin());
  Queue& queue = from_slow ? slow_ : quick_;
  const Id id = queue.begin()->second;
  queue.erase(queue.begin());
  entries_.at(id).running = true;
  if (from_slow) ++slow_running_;
  return id;
}

bool ScrapeSchedule::done(Id id, Time now, Time took) {
  const auto found = entries_.find(id);
  VOLTA_ASSERT(found != entries_.end() && found->second.running);
  Entry& entry = found->second;
  if (entry.slow) --slow_running_;
  if (entry.removed) {
    entries_.erase(found);
    return false;
  }
  entry.running = false;
  entry.slow = took >= kSlow;
  entry.due += entry.interval;
  if (entry.due < now) {
    const auto over = (now - entry.due + entry.interval - Time(1)) / entry.interval;
    missed_ += static_cast<std::uint64_t>(over);
    entry.due += over * entry.interval;
  }
  queue_of(entry).emplace(entry.due, id);
  return true;
}

std::optional<ScrapeSchedule::Time> ScrapeSchedule::next(bool slow_too) const {
  std::optional<Time> first;
  if (!quick_.empty()) first = quick_.begin()->first;
  if (slow_too && !slow_.empty() && (!first || slow_.begin()->first < *first)) {
    first = slow_.begin()->first;
  }
  return first;
}

std::int64_t grid_time_ms(std::int64_t wall_ms, std::chrono::milliseconds interval,
                          std::uint64_t hash) {
  const std::int64_t behind = behind_grid(wall_ms, interval.count(), hash);
  if (behind <= kGridToleranceMs) return wall_ms - behind;
  const std::int64_t ahead = interval.count() - behind;
  return ahead <= kGridToleranceMs ? wall_ms + ahead : wall_ms;
}

}  // namespace volta
