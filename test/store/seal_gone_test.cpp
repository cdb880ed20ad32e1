// Late samples for hours whose own samples are gone, while the tiers' windows live on.
#include <bit>
#include <map>

#include <catch2/catch.hpp>

#include "store/seal_load.hpp"
#include "store/window_intake.hpp"

namespace volta {
namespace {

using test::kHourEnd;
using test::kHourMs;
using test::kStart;
using test::SealerTest;

class SealGone : public SealerTest {
 public:
  SeriesId seal_hour() {
    test::Agent agent(store->journal(), host, test::run_id(1));
    const Slot slot = agent.define(test::gauge("m"));
    append(agent, slot, kHourEnd - 600'000, 600);  // 100, 101, ...
    reopen();
    clock.set_wall_ms(kHourEnd + 180'000);
    store->seal_due();
    REQUIRE(count("SELECT count(*) FROM pack WHERE tier=0") == 1);
    REQUIRE(count("SELECT count(*) FROM journal") == 0);
    return store->journal().resolve(host, test::gauge("m"));
  }
  // Of a run of its own.
  void send(std::int64_t time_ms, std::uint64_t value) {
    test::Agent late(store->journal(), host, test::run_id(++runs_));
    late.define(test::gauge("m"));
    REQUIRE(test::commit(store->journal(), late.finish_one(0, time_ms, value)) ==
            CommitState::committed);
  }
  void check(SeriesId id, std::uint32_t samples, double greatest) const {
    const WindowColumn hour = windows(id, Tier::hour, {kHourEnd, kHourEnd});
    CHECK(hour.count == std::vector{samples});
    CHECK(hour.max == std::vector{greatest});
    const WindowColumn minutes = windows(id, Tier::minute, {kHourEnd - kHourMs + 1, kHourEnd});
    CHECK(minutes.size() == 11);
    CHECK(count_of(minutes) == samples);
  }

 private:
  std::uint64_t runs_ = 100;
};

TEST_CASE_METHOD(SealGone, "late samples join the windows of an hour that lost samples and mark") {
  options.raw_age = std::chrono::hours(24);
  open();
  const SeriesId id = seal_hour();
  clock.advance(std::chrono::hours(26));
  store->maintain();
  REQUIRE(count("SELECT count(*) FROM pack WHERE tier=0") == 0);
  REQUIRE(count("SELECT count(*) FROM seal") == 0);
  options.raw_age = std::chrono::hours(24 * 365);
  reopen();
  check(id, 600, 699);
  send(kHourEnd - 1500, 9000);
  seal_late();
  check(id, 601, 9000);
  // Now there is a pack of samples; it does not stand for all of them.
  send(kHourEnd - 2500, 9001);
  seal_late();
  check(id, 602, 9001);
  // The same again.
  send(kHourEnd - 2500, 9001);
  seal_late();
  check(id, 602, 9001);
  CHECK(read(id).times_ms == std::vector{kHourEnd - 2500, kHourEnd - 1500});
  store->seal_all();
  reopen();
  check(id, 602, 9001);
}

TEST_CASE_METHOD(SealGone,
                 "an hour that was never sealed keeps its samples beside merged windows") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  // Hours 1 and 3 of six; hour 2 comes when these are merged.
  const std::int64_t start = kStart / (6 * kHourMs) * 6 * kHourMs;
  for (const int hour : {1, 3}) append(agent, slot, start + hour * kHourMs - 100'000, 100);
  clock.set_wall_ms(start + 7 * kHourMs);
  const SeriesId id = agent.series(slot);
  store->seal_all();
  REQUIRE(count("SELECT count(*) FROM pack WHERE tier=1 AND span_ms=21600000") == 1);
  send(start + 2 * kHourMs - 1000, 5);
  seal_late();
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 3);
  CHECK(read(id).times_ms.size() == 201);
  CHECK(windows(id, Tier::hour, {start, start + 6 * kHourMs}).count ==
        std::vector<std::uint32_t>{100, 1, 100});
}

TEST_CASE_METHOD(SealGone, "a seal whose packs go while it runs is done anew") {
  options.seal_slice_bytes = 1;  // so that the late samples are written before the windows are made
  open();
  const SeriesId id = seal_hour();
  // What retention does, between the look for packs and their being read; once.
  change(
      "CREATE TABLE armed(x); INSERT INTO armed VALUES (1);"
      "CREATE TRIGGER take AFTER INSERT ON pack"
      " WHEN NEW.tier=0 AND EXISTS (SELECT 1 FROM armed) BEGIN"
      " DELETE FROM pack WHERE tier=0 AND end_ms=NEW.end_ms; DELETE FROM armed; END");
  send(kHourEnd - 1500, 9000);
  seal_late();
  CHECK(count("SELECT count(*) FROM armed") == 0);
  check(id, 601, 9000);
  change("DROP TRIGGER take; DROP TABLE armed");
  check(id, 601, 9000);
  CHECK(read(id).times_ms == std::vector{kHourEnd - 1500});
}

Window window_of(const std::map<std::int64_t, double>& samples) {
  Window window;
  for (const auto& [time, value] : samples) {
    const Window one{60'000, time, time, value, value, value, value, value, 0, 1, 0};
    window = window.count == 0 ? one : joined(window, one);
  }
  return window;
}

TEST_CASE("a window takes in what is new and no copies of what it has counted") {
  const auto check = [](const char* what, const std::map<std::int64_t, double>& counted,
                        const std::map<std::int64_t, double>& fresh,
                        const std::map<std::int64_t, double>& all, std::uint32_t count,
                        double sum) {
    CAPTURE(what);
    const Window got = taken_in(window_of(counted), window_of(fresh), window_of(all));
    CHECK(got.count == count);
    CHECK(got.sum == sum);
  };
  const std::map<std::int64_t, double> three{{10, 1}, {20, 5}, {30, 2}};
  check("nothing was counted", {}, {{10, 1}}, {{10, 1}}, 1, 1);
  check("nothing came", three, {}, {}, 3, 8);
  check("all of them", three, three, three, 3, 8);
  check("one of them", three, {{20, 5}}, {{20, 5}}, 3, 8);
  check("the rest of them", three, {{20, 5}}, three, 3, 8);
  check("all, and one more", three, {{10, 1}, {15, 3}, {20, 5}, {30, 2}},
        {{10, 1}, {15, 3}, {20, 5}, {30, 2}}, 4, 11);
  check("one that is greater than any", three, {{15, 6}}, {{15, 6}}, 4, 14);
  check("one that is less than any", three, {{15, -1}}, {{15, -1}}, 4, 7);
  check("a later one", three, {{40, 2}}, {{40, 2}}, 4, 10);
  check("an earlier one", three, {{5, 2}}, {{5, 2}}, 4, 10);
  check("a later one beside an earlier one", three, {{40, 2}}, {{5, 2}, {40, 2}}, 4, 10);
}

TEST_CASE("what a window cannot have counted is new") {
  const auto check = [](const char* what, const std::map<std::int64_t, double>& came,
                        std::uint32_t count, double sum) {
    CAPTURE(what);
    WindowColumn counted;
    append_window(counted, window_of({{10, 1}, {20, 5}, {30, 2}}));
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (const auto& [time, value] : came) {
      times.push_back(time);
      values.push_back(value);
    }
    const WindowColumn got = windows_of_new(counted, {times, values}, 60'000);
    REQUIRE(got.size() == (count == 0 ? 0 : 1));
    if (count == 0) return;
    CHECK(got.count[0] == count);
    CHECK(got.sum[0] == sum);
  };
  const double stale = std::bit_cast<double>(kStaleBits);
  check("copies", {{10, 1}, {20, 5}, {30, 2}}, 0, 0);
  check("one more than it counted", {{10, 1}, {15, 2}, {20, 5}, {30, 2}}, 4, 10);
  check("copies and a stale marker", {{10, 1}, {15, stale}, {20, 5}, {30, 2}}, 0, 0);
  check("a copy, a later and an earlier one", {{5, 3}, {30, 2}, {40, 4}}, 2, 7);
  check("a copy, a greater and a lesser one", {{15, 6}, {20, 5}, {25, -1}}, 2, 5);
  check("of another window", {{60'010, 2}}, 1, 2);
}

}  // namespace
}  // namespace volta
