#include "collect/slow_lane.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include <catch2/catch.hpp>

#include "collect/hanging.hpp"
#include "support/fake_clock.hpp"

namespace volta {
namespace {

using test::Gate;

class Task final : public SlowTask {
 public:
  explicit Task(std::shared_ptr<Gate> gate = nullptr) : gate_(std::move(gate)) {}
  void run() noexcept override {
    if (gate_) gate_->pass();
    ++runs;
  }
  std::atomic<int> runs{0};

 private:
  std::shared_ptr<Gate> gate_;
};

constexpr std::chrono::seconds kLong(60);  // only ever waited for in full by a test that fails

TEST_CASE("tasks run in turn, each once per submission") {
  test::FakeClock clock;
  SlowLane lane(clock, std::chrono::seconds(5));
  std::vector<std::shared_ptr<Task>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(std::make_shared<Task>());
  for (const auto& task : tasks) CHECK(lane.submit(task));
  REQUIRE(lane.wait_idle(kLong));
  CHECK(lane.submit(tasks[0]));
  REQUIRE(lane.wait_idle(kLong));
  CHECK(tasks[0]->runs == 2);
  CHECK(tasks[4]->runs == 1);
  CHECK_FALSE(lane.stuck(*tasks[0]));
}

TEST_CASE("a task that hangs is left behind, the others go on, and it may come back") {
  test::FakeClock clock;
  const auto gate = std::make_shared<Gate>();
  const auto hung = std::make_shared<Task>(gate);
  const auto well = std::make_shared<Task>();
  SlowLane lane(clock, std::chrono::seconds(5));
  REQUIRE(lane.submit(hung));
  gate->wait_for_arrival();
  REQUIRE(lane.submit(well));
  CHECK_FALSE(lane.submit(hung));
  lane.watch();
  CHECK_FALSE(lane.stuck(*hung));
  CHECK(well->runs == 0);
  clock.advance(std::chrono::seconds(5));
  CHECK(lane.stuck(*hung));
  lane.watch();
  REQUIRE(lane.wait_idle(kLong));
  CHECK(well->runs == 1);
  CHECK(lane.abandoned() == 1);
  CHECK_FALSE(lane.submit(hung));
  gate->open();
  gate->wait_until([&] { return !lane.stuck(*hung); });
  CHECK(hung->runs == 1);
  CHECK(lane.abandoned() == 0);
  CHECK(lane.submit(hung));
  CHECK(lane.wait_idle(kLong));
  CHECK(hung->runs == 2);
}

TEST_CASE("no more than four workers are left behind") {
  test::FakeClock clock;
  const auto gate = std::make_shared<Gate>();
  SlowLane lane(clock, std::chrono::seconds(5));
  std::vector<std::shared_ptr<Task>> hung;
  for (std::size_t i = 0; i < SlowLane::kMostAbandoned + 1; ++i) {
    hung.push_back(std::make_shared<Task>(gate));
    REQUIRE(lane.submit(hung.back()));
    gate->wait_for_arrival();
    clock.advance(std::chrono::seconds(5));
    lane.watch();
  }
  const auto well = std::make_shared<Task>();
  CHECK(lane.submit(well));
  clock.advance(std::chrono::seconds(5));
  lane.watch();
  CHECK(lane.abandoned() == SlowLane::kMostAbandoned);
  CHECK(lane.stuck(*hung.back()));
  CHECK(well->runs == 0);
  gate->open();
  REQUIRE(lane.wait_idle(kLong));
  gate->wait_until([&] { return lane.abandoned() == 0; });
  CHECK(well->runs == 1);
}

TEST_CASE("the lane can be destroyed while a task hangs") {
  test::FakeClock clock;
  const auto gate = std::make_shared<Gate>();
  const auto hung = std::make_shared<Task>(gate);
  {
    SlowLane lane(clock, std::chrono::seconds(5));
    REQUIRE(lane.submit(hung));
    gate->wait_for_arrival();
  }
  CHECK(hung->runs == 0);
  gate->open();
  gate->wait_until([&] { return hung->runs == 1; });
}

}  // namespace
}  // namespace volta
