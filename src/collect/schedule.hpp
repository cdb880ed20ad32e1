// When each collector runs: at wall-clock multiples of its period, after a pause when it failed or
// was not there, less often while it is slow. Knows no clock and no collector: it is told the time
// and what happened. One thread; allocates only in add() and add_rhythm().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace volta {

// The first multiple of the period after `now_ms`.
constexpr std::int64_t next_multiple(std::int64_t now_ms, std::chrono::milliseconds period) {
  return (now_ms / period.count() + 1) * period.count();
}

class Schedule {
 public:
  struct Moment {
    std::int64_t wall_ms = 0;
    std::chrono::nanoseconds boottime{};
    std::chrono::nanoseconds monotonic{};
  };
  enum class Pace : std::uint8_t { same, slower, quicker };

  // One that runs every `period`; `fixed`: also when it is slow. Answers its index.
  std::size_t add(std::chrono::milliseconds period, bool fixed = false);
  // One that asks for no tick, but is due in the first tick of each of its periods in which `task`
  // runs. Answers its index, counted apart from those of add().
  std::size_t add_rhythm(std::chrono::milliseconds period, std::size_t task);

  // A tick of everything, outside of the periods.
  void begin_all(const Moment& now);
  // The tick that is due: its time, which is the due time unless it comes too late for that. Empty:
  // nothing is due yet.
  std::optional<std::int64_t> begin(const Moment& now);
  // After a tick that begin() gave: what ran is due again after `wall_ms`.
  void end(std::int64_t wall_ms);
  // Wall clock, ms; at most a minute after the last begin().
  [[nodiscard]] std::int64_t next_ms() const;

  // In this tick.
  [[nodiscard]] bool due(std::size_t index) const { return tasks_.at(index).due; }
  [[nodiscard]] bool rhythm_due(std::size_t index) const { return rhythms_.at(index).due; }
  // It failed or was absent a short time ago: not to be tried in this tick.
  [[nodiscard]] bool paused(std::size_t index) const;

  // What came of a task in this tick. `took` may change its pace.
  Pace succeeded(std::size_t index, std::chrono::nanoseconds took);
  void failed(std::size_t index);
  void absent(std::size_t index);

  [[nodiscard]] unsigned failures(std::size_t index) const { return tasks_.at(index).failures; }
  // In force now.
  [[nodiscard]] std::chrono::milliseconds period(std::size_t index) const;
  // Ticks that should have been and were not, because the machine or a collector was too slow.
  [[nodiscard]] std::uint64_t late_ticks() const { return late_ticks_; }

 private:
  struct Task {
    std::chrono::milliseconds wanted;  // as configured
    bool fixed;
    std::int64_t factor = 1;  // more while it is slow
    std::int64_t due_ms = 0;
    bool due = false;
    std::chrono::nanoseconds try_again{};  // monotonic
    unsigned failures = 0;                 // in a row
    unsigned slow_in_a_row = 0;
    unsigned quick_in_a_row = 0;

    [[nodiscard]] std::chrono::milliseconds period() const { return wanted * factor; }
  };
  struct Rhythm {
    std::chrono::milliseconds period;
    std::size_t task;
    std::int64_t due_ms = 0;
    bool due = true;
  };

  void align(std::int64_t now_ms);
  void count_late(const Moment& now);

  std::vector<Task> tasks_;
  std::vector<Rhythm> rhythms_;
  std::optional<Moment> last_;            // begin() before this one
  std::chrono::nanoseconds begun_{};      // this tick, monotonic
  std::chrono::nanoseconds looked_at_{};  // last count_late(), monotonic
  std::uint64_t late_ticks_ = 0;
};

}  // namespace volta
