#include "prom/scrape_schedule.hpp"

#include <catch2/catch.hpp>

#include "support/fake_clock.hpp"

namespace volta {
namespace {

using std::chrono::milliseconds;
using Ids = std::vector<std::pair<std::int64_t, std::uint64_t>>;

// Lets the time pass in steps of a millisecond; whoever is due takes `took` and is done at once.
Ids run_schedule(ScrapeSchedule& schedule, test::FakeClock& clock, int steps) {
  Ids taken;
  for (int i = 0; i < steps; ++i) {
    while (const auto id = schedule.take(clock.monotonic(), true)) {
      taken.emplace_back(clock.wall_ms(), *id);
      schedule.done(*id, clock.monotonic(), milliseconds(1));
    }
    clock.advance(milliseconds(1));
  }
  return taken;
}

TEST_CASE("each target is asked at its own place of the interval, the same in every run") {
  test::FakeClock clock(1'000'000);
  ScrapeSchedule schedule;
  schedule.add(1, milliseconds(100), 30, clock.wall_ms(), clock.monotonic());
  schedule.add(2, milliseconds(100), 1'070, clock.wall_ms(), clock.monotonic());
  schedule.add(3, milliseconds(50), 0, clock.wall_ms(), clock.monotonic());
  CHECK(run_schedule(schedule, clock, 200) == Ids{{1'000'000, 3},
                                                  {1'000'030, 1},
                                                  {1'000'050, 3},
                                                  {1'000'070, 2},
                                                  {1'000'100, 3},
                                                  {1'000'130, 1},
                                                  {1'000'150, 3},
                                                  {1'000'170, 2}});
  CHECK(schedule.missed() == 0);
  // A process that starts at another moment asks at the same ones.
  test::FakeClock later(1'000'215);
  ScrapeSchedule again;
  again.add(1, milliseconds(100), 30, later.wall_ms(), later.monotonic());
  CHECK(run_schedule(again, later, 100) == Ids{{1'000'230, 1}});
}

TEST_CASE("what was missed is left out and counted, not made up for") {
  test::FakeClock clock(0);
  ScrapeSchedule schedule;
  schedule.add(1, milliseconds(100), 0, clock.wall_ms(), clock.monotonic());
  REQUIRE(schedule.take(clock.monotonic(), true) == 1U);
  clock.advance(milliseconds(350));
  CHECK_FALSE(schedule.take(clock.monotonic(), true));  // it still runs
  CHECK_FALSE(schedule.next(true));
  CHECK(schedule.done(1, clock.monotonic(), milliseconds(350)));
  CHECK(schedule.missed() == 3);
  CHECK(*schedule.next(true) - clock.monotonic() == milliseconds(50));
  CHECK(run_schedule(schedule, clock, 60) == Ids{{400, 1}});
}

TEST_CASE("slow targets wait for their lane, the others do not") {
  test::FakeClock clock(0);
  ScrapeSchedule schedule;
  for (const std::uint64_t id : {1, 2}) {
    schedule.add(id, milliseconds(2'000), 0, clock.wall_ms(), clock.monotonic());
  }
  schedule.add(3, milliseconds(2'000), 1'999, clock.wall_ms(), clock.monotonic());
  CHECK(schedule.take(clock.monotonic(), false) == 1U);
  CHECK(schedule.take(clock.monotonic(), false) == 2U);
  CHECK(schedule.slow_running() == 0);  // nobody knew
  clock.advance(milliseconds(1'500));
  schedule.done(1, clock.monotonic(), milliseconds(1'500));
  schedule.done(2, clock.monotonic(), milliseconds(1'500));
  clock.advance(milliseconds(500));
  CHECK(schedule.take(clock.monotonic(), false) == 3U);
  CHECK_FALSE(schedule.take(clock.monotonic(), false));
  CHECK(schedule.take(clock.monotonic(), true) == 1U);
  CHECK(schedule.slow_running() == 1);
  // One that was quick again is among the quick.
  schedule.done(1, clock.monotonic(), milliseconds(5));
  CHECK(schedule.slow_running() == 0);
  clock.advance(milliseconds(2'000));
  CHECK(schedule.take(clock.monotonic(), false) == 1U);
  CHECK_FALSE(schedule.next(false));  // only 2 waits, which is slow
  CHECK(schedule.next(true) == clock.monotonic() - milliseconds(2'000));
}

TEST_CASE("a target that is removed while it runs goes when it is done") {
  test::FakeClock clock(0);
  ScrapeSchedule schedule;
  schedule.add(1, milliseconds(100), 0, clock.wall_ms(), clock.monotonic());
  schedule.add(2, milliseconds(100), 0, clock.wall_ms(), clock.monotonic());
  REQUIRE(schedule.take(clock.monotonic(), true) == 1U);
  CHECK_FALSE(schedule.remove(1));
  CHECK(schedule.remove(2));
  CHECK_FALSE(schedule.done(1, clock.monotonic(), milliseconds(1)));
  CHECK(schedule.size() == 0);
  CHECK_FALSE(schedule.next(true));
  CHECK(schedule.remove(7));
}

TEST_CASE("a removal is taken back while the target runs") {
  test::FakeClock clock(0);
  ScrapeSchedule schedule;
  schedule.add(1, milliseconds(100), 0, clock.wall_ms(), clock.monotonic());
  REQUIRE(schedule.take(clock.monotonic(), true) == 1U);
  CHECK_FALSE(schedule.remove(1));
  schedule.keep(1);
  CHECK(schedule.done(1, clock.monotonic(), milliseconds(1)));
  CHECK(schedule.size() == 1);
}

TEST_CASE("times near the grid are the grid's") {
  const auto check = [](std::int64_t wall_ms, std::int64_t wanted) {
    CHECK(grid_time_ms(wall_ms, milliseconds(1'000), 3'250) == wanted);
  };
  check(10'250, 10'250);
  check(10'253, 10'250);
  check(10'260, 10'250);
  check(10'261, 10'261);
  check(10'241, 10'250);
  check(10'239, 10'239);
  check(-750, -750);
  check(-745, -750);
}

}  // namespace
}  // namespace volta
