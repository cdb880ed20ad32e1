#include "collect/schedule.hpp"

#include <algorithm>
#include <cstdlib>

namespace volta {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds kAbsent = seconds(60);          // a source that is not there
constexpr nanoseconds kLongestBackOff = seconds(60);  // a source that fails
// Slow three times in a row: ten times less often. Quick three times in a row: twice as often
// again, until it is where it was configured. The gap between the two keeps it from flapping. Whole
// multiples of what was configured stay on its grid, and so join the wake-ups of others.
constexpr nanoseconds kSlow = milliseconds(100);
constexpr nanoseconds kQuick = milliseconds(50);
constexpr unsigned kCallsInARow = 3;
constexpr std::int64_t kSlowFactor = 10;
// For one that is slow. What energy is counted from is withheld after a minute without a reading.
constexpr milliseconds kLongestPeriod = seconds(30);
// Two ticks a second apart may begin a little less than a second apart.
constexpr nanoseconds kTickJitter = milliseconds(20);
// Woken up within this of the due time, a tick carries the due time: equal steps compress to
// nothing.
constexpr std::int64_t kOnTimeMs = 20;
constexpr std::int64_t kClockJumpMs = 500;
constexpr std::int64_t kLongestSleepMs = 60'000;

std::int64_t to_ms(nanoseconds time) {
  return std::chrono::duration_cast<milliseconds>(time).count();
}

}  // namespace

std::size_t Schedule::add(milliseconds period, bool fixed) {
  tasks_.push_back({period, fixed});
  return tasks_.size() - 1;
}

std::size_t Schedule::add_rhythm(milliseconds period, std::size_t task) {
  rhythms_.push_back({period, task});
  return rhythms_.size() - 1;
}

void Schedule::begin_all(const Moment& now) {
  begun_ = now.monotonic;
  for (Task& task : tasks_) task.due = true;
  for (Rhythm& rhythm : rhythms_) rhythm.due = true;
}

void Schedule::align(std::int64_t now_ms) {
  for (Task& task : tasks_) task.due_ms = next_multiple(now_ms, task.period());
  for (Rhythm& rhythm : rhythms_) rhythm.due_ms = next_multiple(now_ms, rhythm.period);
}

// Ticks that pass while the machine sleeps are nobody's fault, hence the monotonic clock.
void Schedule::count_late(const Moment& now) {
  const std::int64_t awake = to_ms(now.monotonic - looked_at_);
  looked_at_ = now.monotonic;
  std::int64_t missed = 0;
  for (const Task& task : tasks_) {
    const std::int64_t period = task.period().count();
    if (task.due_ms > now.wall_ms || awake <= now.wall_ms - task.due_ms) continue;
    missed = std::max(missed, now.wall_ms / period - task.due_ms / period);
  }
  late_ticks_ += static_cast<std::uint64_t>(missed);
}

std::optional<std::int64_t> Schedule::begin(const Moment& now) {
  const std::int64_t expected = last_ ? last_->wall_ms + to_ms(now.boottime - last_->boottime) : 0;
  if (!last_ || std::abs(now.wall_ms - expected) > kClockJumpMs) align(now.wall_ms);
  last_ = now;
  begun_ = now.monotonic;
  count_late(now);

  std::optional<std::int64_t> newest;  // among the due times that have come
  for (Task& task : tasks_) {
    task.due = task.due_ms <= now.wall_ms;
    if (task.due) newest = std::max(newest.value_or(task.due_ms), task.due_ms);
  }
  if (!newest) return std::nullopt;
  for (Rhythm& rhythm : rhythms_) {
    rhythm.due = rhythm.due_ms <= now.wall_ms && tasks_[rhythm.task].due;
    if (rhythm.due) rhythm.due_ms = next_multiple(now.wall_ms, rhythm.period);
  }
  return now.wall_ms - *newest <= kOnTimeMs ? *newest : now.wall_ms;
}

// Ticks that were missed are left out, not made up.
void Schedule::end(std::int64_t wall_ms) {
  const std::int64_t begun_ms = last_ ? last_->wall_ms : wall_ms;
  std::int64_t missed = 0;
  for (Task& task : tasks_) {
    if (!task.due) continue;
    const std::int64_t period = task.period().count();
    missed = std::max(missed, wall_ms / period - begun_ms / period);
    task.due_ms = next_multiple(wall_ms, task.period());
  }
  late_ticks_ += static_cast<std::uint64_t>(missed);
}

std::int64_t Schedule::next_ms() const {
  std::int64_t next = (last_ ? last_->wall_ms : 0) + kLongestSleepMs;
  for (const Task& task : tasks_) next = std::min(next, task.due_ms);
  return next;
}

bool Schedule::paused(std::size_t index) const {
  return begun_ + kTickJitter < tasks_.at(index).try_again;
}

Schedule::Pace Schedule::succeeded(std::size_t index, nanoseconds took) {
  Task& task = tasks_.at(index);
  task.failures = 0;
  if (task.fixed) return Pace::same;
  task.slow_in_a_row = took > kSlow ? task.slow_in_a_row + 1 : 0;
  task.quick_in_a_row = took < kQuick ? task.quick_in_a_row + 1 : 0;
  const std::int64_t before = task.factor;
  if (task.slow_in_a_row >= kCallsInARow) {
    const auto most = std::max<std::int64_t>(kLongestPeriod / task.wanted, 1);
    task.factor = std::min(before * kSlowFactor, most);
  } else if (task.quick_in_a_row >= kCallsInARow) {
    task.factor = std::max<std::int64_t>(before / 2, 1);
  } else {
    return Pace::same;
  }
  task.slow_in_a_row = task.quick_in_a_row = 0;
  if (task.factor == before) return Pace::same;
  return task.factor > before ? Pace::slower : Pace::quicker;
}

// The pause counts from the tick, not from the end of the read: the next try falls on a tick.
void Schedule::failed(std::size_t index) {
  Task& task = tasks_.at(index);
  const nanoseconds back_off = seconds(std::int64_t{1} << std::min(task.failures, 6U));
  ++task.failures;
  task.try_again = begun_ + std::min(back_off, kLongestBackOff);
}

void Schedule::absent(std::size_t index) { tasks_.at(index).try_again = begun_ + kAbsent; }

milliseconds Schedule::period(std::size_t index) const { return tasks_.at(index).period(); }

}  // namespace volta
