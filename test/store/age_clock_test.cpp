#include "store/age_clock.hpp"

#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using test::kStart;
constexpr std::int64_t kAgeHour = 3'600'000;

class AgesTest {
 public:
  AgesTest() { dir_.write("ages", ""); }
  // As a process that starts now would see it.
  void start(std::int64_t known_ms = 0) {
    ages.emplace(clock, dir_.path() / "ages", known_ms,
                 AgeClock::Ages{24 * kAgeHour, 48 * kAgeHour, 0});
  }
  void write(const char* text) const { dir_.write("ages", text); }
  [[nodiscard]] std::string read() const {
    std::ifstream in(dir_.path() / "ages");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  test::FakeClock clock{kStart};
  std::optional<AgeClock> ages;

 private:
  test::TempDir dir_;
};

TEST_CASE_METHOD(AgesTest, "ages follow a clock that goes as time does, also past sleep") {
  start();
  CHECK(ages->now_ms() == kStart);
  CHECK(ages->cutoff_ms(Tier::raw) == kStart - 24 * kAgeHour);
  CHECK(ages->cutoff_ms(Tier::hour) == INT64_MIN);
  clock.advance(hours(1000));
  ages->look();
  CHECK(ages->now_ms() == kStart + 1000 * kAgeHour);
  clock.suspend(hours(70));
  ages->look();
  CHECK(ages->now_ms() == kStart + 1070 * kAgeHour);
  clock.set_wall_ms(kStart + 1071 * kAgeHour);  // somebody's daylight saving
  ages->look();
  CHECK(ages->now_ms() == kStart + 1071 * kAgeHour);
}

TEST_CASE_METHOD(AgesTest, "ages follow a jump forward eight times as fast as time") {
  start();
  clock.set_wall_ms(kStart + 100'000 * kAgeHour);
  ages->look();
  CHECK(ages->now_ms() == kStart);
  clock.advance(minutes(10));
  ages->look();
  CHECK(ages->now_ms() == kStart + 80 * 60'000);
  clock.set_wall_ms(kStart + 10 * 60'000);  // it was wrong
  ages->look();
  CHECK(ages->now_ms() == kStart + 10 * 60'000);
  clock.advance(minutes(30));
  ages->look();
  CHECK(ages->now_ms() == kStart + 40 * 60'000);
  clock.set_wall_ms(kStart + 16 * kAgeHour);  // this time it is right
  for (int i = 0; i < 60; ++i) {
    ages->look();
    CHECK(ages->now_ms() < clock.wall_ms());
    clock.advance(minutes(2));
  }
  clock.advance(minutes(20));
  ages->look();
  CHECK(ages->now_ms() == clock.wall_ms());
}

TEST_CASE_METHOD(AgesTest, "a clock that goes back takes ages with it, and back again") {
  start();
  clock.set_wall_ms(1000);
  ages->look();
  CHECK(ages->now_ms() == 1000);
  CHECK(ages->cutoff_ms(Tier::raw) == 1000 - 24 * kAgeHour);
  clock.advance(minutes(1));
  ages->look();
  CHECK(ages->now_ms() == 61'000);
  clock.set_wall_ms(kStart + 60'000);
  ages->look();
  CHECK(ages->now_ms() == kStart + 60'000);
}

TEST_CASE_METHOD(AgesTest, "a restart believes no more than the last one did") {
  start();
  clock.advance(hours(5));
  ages->look();
  clock.set_wall_ms(kStart + 100'000 * kAgeHour);
  start();
  CHECK(ages->now_ms() == kStart + 5 * kAgeHour);
  clock.advance(hours(1));
  ages->save();
  start();
  CHECK(ages->now_ms() == kStart + 13 * kAgeHour);
  clock.set_wall_ms(kStart + 6 * kAgeHour);
  start();
  CHECK(ages->now_ms() == kStart + 6 * kAgeHour);
}

TEST_CASE_METHOD(AgesTest, "without a file ages begin with what the store says, or now") {
  start(kStart - 50 * kAgeHour);
  CHECK(ages->now_ms() == kStart - 50 * kAgeHour);
  for (const char* text : {"", "nonsense", "\xff\xfe", " "}) {
    write(text);
    start();
    CHECK(ages->now_ms() == kStart);
  }
  for (const char* text : {"9223372036854775807 1 2 3", "99999999999999999999", "-1"}) {
    write(text);
    start();
    clock.advance(hours(1));
    ages->look();
    CHECK(ages->now_ms() <= clock.wall_ms());
  }
}

TEST_CASE_METHOD(AgesTest, "what is kept begins behind what went, for its age or for the size") {
  start();
  const std::int64_t hour = (kStart / kAgeHour + 1) * kAgeHour;  // ends after kStart
  CHECK(ages->kept_since_ms(Tier::raw) == hour - 25 * kAgeHour + 1);
  CHECK(ages->kept_since_ms(Tier::minute) == hour - 49 * kAgeHour + 1);
  CHECK(ages->kept_since_ms(Tier::hour) == INT64_MIN);
  ages->note_gone(Tier::raw, hour - 3 * kAgeHour);
  ages->note_gone(Tier::raw, hour - 4 * kAgeHour);
  ages->note_gone(Tier::hour, kStart + 10'000 * kAgeHour);
  CHECK(ages->kept_since_ms(Tier::raw) == hour - 3 * kAgeHour + 1);
  CHECK(ages->kept_since_ms(Tier::hour) == hour + 1);
  start();  // as after a kill
  CHECK(ages->kept_since_ms(Tier::hour) == hour + 1);
  CHECK(ages->kept_since_ms(Tier::raw) == hour - 3 * kAgeHour + 1);
}

TEST_CASE_METHOD(AgesTest, "a damaged file is not believed, and the next one is whole") {
  start();
  const std::int64_t hour = (kStart / kAgeHour + 1) * kAgeHour;
  ages->note_gone(Tier::hour, hour - 3 * kAgeHour);
  ages->save();
  const std::string whole = read();
  for (std::size_t i = 0; i < whole.find('\n'); i += 13) {
    CAPTURE(i);
    std::string damaged = whole;
    damaged[i] = damaged[i] == '7' ? '8' : '7';
    write(damaged.c_str());
    start();
    CHECK(ages->kept_since_ms(Tier::hour) == INT64_MIN);
    CHECK(ages->now_ms() == kStart);
  }
  ages->note_gone(Tier::hour, hour - 3 * kAgeHour);
  CHECK(read() == whole);
}

TEST_CASE_METHOD(AgesTest, "what a clock that was ahead said is gone ends with what has been") {
  // As an earlier version wrote it.
  write((std::to_string(kStart) + " 9000000000000 9223372036854775807 5 9000000000000").c_str());
  start();
  const std::int64_t hour = (kStart / kAgeHour + 1) * kAgeHour;
  CHECK(ages->kept_since_ms(Tier::raw) == hour + 1);
  CHECK(ages->kept_since_ms(Tier::minute) == hour + 1);
  CHECK(ages->kept_since_ms(Tier::hour) == 6);
  CHECK(ages->archived_to_ms() == hour);
}

// A store with samples of ten hours that are kept for a day.
class AgedStore {
 public:
  AgedStore() {
    options.directory = dir_.path() / "data";
    options.raw_age = hours(24);
    options.seal_in_background = false;
    reopen();
    host = store->hosts().add("a", test::token(1)).value().id;
    test::Agent agent(store->journal(), host, test::run_id(1));
    const Slot slot = agent.define(test::gauge("m"));
    id = agent.series(slot);
    for (int i = 0; i < 10; ++i) {
      agent.force_keyframe();
      REQUIRE(
          test::commit(store->journal(), agent.finish_one(slot, kStart - (10 - i) * kAgeHour)) ==
          CommitState::committed);
    }
    reopen();  // nothing is in force
  }
  void reopen() {
    store.reset();
    store = std::make_unique<Store>(options, clock);
  }
  std::size_t left() {
    store->maintain();
    return store->reader().read(host, std::vector{id}, INT64_MIN, INT64_MAX)[0].times_ms.size();
  }

  StoreOptions options;
  test::FakeClock clock{kStart};
  std::unique_ptr<Store> store;
  HostId host{};
  SeriesId id{};

 private:
  test::TempDir dir_;
};

TEST_CASE_METHOD(AgedStore, "a damaged file of ages is found by a check") {
  CHECK(store->check().sound());
  const auto file = options.directory / kAgeClockName;
  std::fstream(file, std::ios::in | std::ios::out) << '7';
  const StoreCheck check = store->check();
  REQUIRE(check.problems.size() == 1);
  CHECK(check.problems[0].find(kAgeClockName) == 0);
  store->maintain();
}

TEST_CASE_METHOD(AgedStore, "a clock that jumps by years deletes nothing, nor does a restart") {
  const bool sealed = GENERATE(false, true);
  CAPTURE(sealed);
  if (sealed) store->seal_all();
  CHECK(left() == 10);
  clock.set_wall_ms(kStart + 100'000 * kAgeHour);
  CHECK(left() == 10);
  reopen();
  CHECK(left() == 10);
  clock.advance(minutes(5));
  CHECK(left() == 10);
  clock.set_wall_ms(1000);
  CHECK(left() == 10);
  reopen();
  CHECK(left() == 10);
  clock.set_wall_ms(kStart + kAgeHour);
  CHECK(left() == 10);
  clock.advance(hours(18));  // five are older than a day now
  CHECK(left() == 5);
}

TEST_CASE_METHOD(AgedStore, "a machine that was off for long lets go of what is old within hours") {
  clock.set_wall_ms(kStart + 20 * 24 * kAgeHour);
  reopen();
  CHECK(left() == 10);
  for (int hour = 0; hour < 3 * 24; ++hour) {
    clock.advance(hours(1));
    store->maintain();
  }
  CHECK(left() == 0);
}

}  // namespace
}  // namespace volta
