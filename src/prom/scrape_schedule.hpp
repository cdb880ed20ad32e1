// When which target is asked: at whole intervals of the wall clock plus an offset of its own, so
// that a thousand targets are spread over their interval, and a restart asks each at the same
// moments as before. Pure: it is told the time. Knows no threads; the pool asks it under its lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace volta {

class ScrapeSchedule {
 public:
  using Time = std::chrono::nanoseconds;  // of the monotonic clock
  using Id = std::uint64_t;
  // Who took this long last time, or failed to answer within its time-out, is slow: slow targets
  // have only a part of the workers, so that they never hold up the others.
  static constexpr std::chrono::milliseconds kSlow{1'000};

  // Due for the first time at the next moment t with t = hash modulo interval (wall clock).
  void add(Id id, std::chrono::milliseconds interval, std::uint64_t hash, std::int64_t wall_ms,
           Time now);
  // False: it is running; it goes when it is done, which done() then says.
  bool remove(Id id);
  // Takes that back for one that runs still.
  void keep(Id id);

  // The one that is due longest; it runs from now on. Empty: nobody is due, or only slow ones and
  // `slow_too` is not.
  std::optional<Id> take(Time now, bool slow_too);
  // Its next moment is the first of its grid that is not over yet: what was missed is left out.
  // False: it was removed meanwhile and is gone now.
  bool done(Id id, Time now, Time took);

  // When the next one is due; empty: nobody waits.
  [[nodiscard]] std::optional<Time> next(bool slow_too) const;
  [[nodiscard]] std::size_t slow_running() const { return slow_running_; }
  [[nodiscard]] std::uint64_t missed() const { return missed_; }  // moments left out so far
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Time interval{};
    Time due{};
    bool running = false;
    bool slow = false;
    bool removed = false;
  };
  using Queue = std::set<std::pair<Time, Id>>;
  Queue& queue_of(const Entry& entry) { return entry.slow ? slow_ : quick_; }

  std::map<Id, Entry> entries_;
  Queue quick_, slow_;  // those that wait, by when they are due
  std::size_t slow_running_ = 0;
  std::uint64_t missed_ = 0;
};

// The moment of the grid that is meant, if `wall_ms` is at most 10 ms off it: evenly spaced times
// cost almost nothing to keep. Else `wall_ms`.
std::int64_t grid_time_ms(std::int64_t wall_ms, std::chrono::milliseconds interval,
                          std::uint64_t hash);

}  // namespace volta
