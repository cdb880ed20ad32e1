#include "collect/schedule.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::int64_t kStart = 1'795'226'940'300;

// A machine that wakes up when it is told to, `late` after that.
struct Machine {
  Schedule schedule;
  Schedule::Moment now{kStart, seconds(1000), seconds(900)};
  std::optional<std::int64_t> label;

  void advance(milliseconds by) {
    now.wall_ms += by.count();
    now.boottime += by;
    now.monotonic += by;
  }
  // To the next time at which something is due.
  void step(milliseconds late = milliseconds(0)) {
    advance(milliseconds(schedule.next_ms() - now.wall_ms) + late);
    label = schedule.begin(now);
  }
  void end() { schedule.end(now.wall_ms); }
};

TEST_CASE("the first look aligns, then each is due at multiples of its period") {
  Machine machine;
  const auto fast = machine.schedule.add(seconds(1));
  const auto slow = machine.schedule.add(seconds(5));
  CHECK_FALSE(machine.schedule.begin(machine.now));
  CHECK(machine.schedule.next_ms() == 1'795'226'941'000);
  int slow_runs = 0;
  for (int i = 1; i <= 10; ++i) {
    machine.step();
    CHECK(machine.label == 1'795'226'940'000 + i * 1000);
    CHECK(machine.schedule.due(fast));
    CHECK(machine.schedule.due(slow) == (i % 5 == 0));
    slow_runs += machine.schedule.due(slow) ? 1 : 0;
    machine.end();
  }
  CHECK(slow_runs == 2);
}

TEST_CASE("a tick carries its due time, or its own if it comes too late for that") {
  const auto check = [](int late_ms, std::int64_t label) {
    CAPTURE(late_ms);
    Machine machine;
    machine.schedule.add(seconds(1));
    machine.schedule.begin(machine.now);
    machine.step(milliseconds(late_ms));
    CHECK(machine.label == label);
  };
  check(0, 1'795'226'941'000);
  check(20, 1'795'226'941'000);
  check(21, 1'795'226'941'021);
}

TEST_CASE("ticks that passed are left out and counted, those of a sleeping machine are not") {
  Machine machine;
  machine.schedule.add(seconds(1));
  machine.schedule.begin(machine.now);
  machine.step();
  machine.advance(seconds(4));  // inside of the tick
  machine.end();
  machine.step();
  CHECK(machine.label == 1'795'226'946'000);
  CHECK(machine.schedule.late_ticks() == 4);
  machine.end();
  machine.step(seconds(3));
  CHECK(machine.schedule.late_ticks() == 7);
  machine.end();
  machine.now.wall_ms += 3'600'000;
  machine.now.boottime += seconds(3600);
  machine.step();
  CHECK(machine.schedule.late_ticks() == 7);
}

TEST_CASE("a clock that is set makes everything align anew") {
  for (const std::int64_t jump : {-3'600'000, 86'400'000}) {
    CAPTURE(jump);
    Machine machine;
    machine.schedule.add(seconds(10));
    machine.schedule.begin(machine.now);
    machine.now.wall_ms += jump;
    CHECK_FALSE(machine.schedule.begin(machine.now));
    CHECK(machine.schedule.next_ms() == 1'795'226'950'000 + jump);
  }
}

TEST_CASE("a rhythm asks for no tick and is due in the first one of its period") {
  Machine machine;
  machine.schedule.add(seconds(2));
  const auto rhythm = machine.schedule.add_rhythm(seconds(5), 0);
  machine.schedule.begin(machine.now);
  std::vector<std::int64_t> at;
  for (int i = 0; i < 10; ++i) {
    machine.step();
    if (machine.schedule.rhythm_due(rhythm)) at.push_back(*machine.label - 1'795'226'940'000);
    machine.end();
  }
  CHECK(at == std::vector<std::int64_t>{6'000, 10'000, 16'000, 20'000});
}

TEST_CASE("a tick of everything has all of them due and moves no due time") {
  Machine machine;
  const auto task = machine.schedule.add(seconds(5));
  const auto rhythm = machine.schedule.add_rhythm(seconds(60), task);
  machine.schedule.begin(machine.now);
  const std::int64_t next = machine.schedule.next_ms();
  machine.schedule.begin_all(machine.now);
  CHECK(machine.schedule.due(task));
  CHECK(machine.schedule.rhythm_due(rhythm));
  CHECK(machine.schedule.next_ms() == next);
}

TEST_CASE("the pause after a failure counts from the tick, so that tries stay on the grid") {
  Machine machine;
  const auto task = machine.schedule.add(seconds(1));
  machine.schedule.begin(machine.now);
  std::vector<std::int64_t> tries;
  for (int i = 1; i <= 200; ++i) {
    machine.step(milliseconds(i % 2 == 0 ? 2 : 15));  // no two wake-ups are equally late
    if (!machine.schedule.paused(task)) {
      tries.push_back(*machine.label - 1'795'226'941'000);
      machine.advance(milliseconds(40));  // the read takes its time before it fails
      machine.schedule.failed(task);
    }
    machine.end();
  }
  CHECK(tries == std::vector<std::int64_t>{0, 1'000, 3'000, 7'000, 15'000, 31'000, 63'000, 123'000,
                                           183'000});
  CHECK(machine.schedule.failures(task) == tries.size());
  machine.schedule.succeeded(task, nanoseconds(1));
  CHECK(machine.schedule.failures(task) == 0);
}

TEST_CASE("what is absent is looked for again a minute later") {
  Machine machine;
  const auto task = machine.schedule.add(seconds(1));
  machine.schedule.begin(machine.now);
  machine.step();
  machine.schedule.absent(task);
  machine.end();
  for (int i = 1; i <= 60; ++i) {
    machine.step();
    CHECK(machine.schedule.paused(task) == (i < 60));
    machine.end();
  }
  CHECK(machine.schedule.failures(task) == 0);
}

TEST_CASE("a slow one runs less often, on its grid, and recovers in steps") {
  const auto check = [](seconds wanted, const std::vector<int>& periods_s) {
    CAPTURE(wanted.count());
    Machine machine;
    const auto task = machine.schedule.add(wanted);
    std::vector<int> seen;
    const auto run = [&](milliseconds took, int calls) {
      for (int i = 0; i < calls; ++i) {
        if (machine.schedule.succeeded(task, took) == Schedule::Pace::same) continue;
        seen.push_back(static_cast<int>(machine.schedule.period(task) / seconds(1)));
      }
    };
    run(milliseconds(101), 2);
    CHECK(seen.empty());  // twice is no habit
    run(milliseconds(101), 9);
    run(milliseconds(75), 9);  // neither slow nor quick
    run(milliseconds(49), 30);
    CHECK(seen == periods_s);
  };
  check(seconds(1), {10, 30, 15, 7, 3, 1});
  check(seconds(7), {28, 14, 7});
  check(seconds(60), {});
}

TEST_CASE("what the energy of the host is counted from is never thinned out") {
  Machine machine;
  const auto task = machine.schedule.add(seconds(1), true);
  for (int i = 0; i < 10; ++i)
    CHECK(machine.schedule.succeeded(task, seconds(1)) == Schedule::Pace::same);
  CHECK(machine.schedule.period(task) == seconds(1));
}

TEST_CASE("a rhythm waits for its task, however rarely that runs") {
  Machine machine;
  machine.schedule.add(seconds(1));
  const auto task = machine.schedule.add(seconds(2));
  const auto rhythm = machine.schedule.add_rhythm(seconds(5), task);
  for (int i = 0; i < 3; ++i) machine.schedule.succeeded(task, milliseconds(101));
  REQUIRE(machine.schedule.period(task) == seconds(20));
  machine.schedule.begin(machine.now);
  std::vector<std::int64_t> at;
  for (int i = 0; i < 60; ++i) {
    machine.step();
    if (machine.schedule.rhythm_due(rhythm)) at.push_back(*machine.label - 1'795'226'940'000);
    machine.end();
  }
  CHECK(at == std::vector<std::int64_t>{20'000, 40'000, 60'000});
}

}  // namespace
}  // namespace volta
