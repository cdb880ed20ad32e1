#include "store/seal_backlog.hpp"

#include <climits>

#include <catch2/catch.hpp>

#include "store/seal_load.hpp"

namespace volta {
namespace {

using test::kHourEnd;
using test::kHourMs;
using test::SealerTest;

TEST_CASE_METHOD(SealerTest, "a look at a long backlog ends when it is told to") {
  constexpr std::size_t kGroups = 50;
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  for (std::size_t i = 0; i < kGroups; ++i) {
    agent.force_keyframe();
    // Over three hours each, so that its windows are known only once it is decoded.
    const std::int64_t end = kHourEnd + static_cast<std::int64_t>(i) * 3 * kHourMs;
    for (const std::int64_t time : {end - 5000, end + kHourMs - 5000, end + 2 * kHourMs - 5000}) {
      agent.tick(time, std::vector<Reading>{{slot, 1}});
    }
    REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
  }
  store.reset();
  clock.set_wall_ms(kHourEnd + 1000 * kHourMs);
  Connection reader((options.directory / "volta.db").string(), Connection::Mode::reader, 1000);
  const AgeClock ages(clock, options.directory / kAgeClockName, 0, {});
  RunTable runs;
  int asked = 0;
  int most = 0;
  SealBacklog backlog({clock, ages, reader, runs, [&] { return ++asked > most; }}, {});
  const auto look = [&](int questions) {
    asked = 0;
    most = questions;
    return backlog.look(false);
  };
  // In the middle of the groups' rows, and then of their decoding.
  CHECK_FALSE(look(0));
  CHECK(asked <= 3);
  CHECK_FALSE(look(10));
  CHECK(asked <= 13);
  CHECK_FALSE(look(kGroups + 10));
  CHECK(asked <= static_cast<int>(kGroups) + 13);
  CHECK(look(INT_MAX));
  asked = 0;
  most = 10;
  CHECK(backlog.due(false).size() == 10);
  asked = 0;
  most = INT_MAX;
  CHECK(backlog.due(false).size() == 3 * kGroups);
}

}  // namespace
}  // namespace volta
