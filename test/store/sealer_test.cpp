#include "store/sealer.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "store/seal_load.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

using test::check_model;
using test::check_tiers;
using test::check_windows;
using test::kHourEnd;
using test::kHourMs;
using test::kStart;
using test::Model;
using test::SealerTest;
using test::SealLoad;

TEST_CASE_METHOD(SealerTest, "an hour is sealed after its grace and leaves the journal") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  append(agent, slot, kHourEnd - 600'000, 600);
  agent.force_keyframe();
  append(agent, slot, kHourEnd, 100);  // its first tick ends the hour
  const SampleColumn before = read(agent.series(slot));
  clock.set_wall_ms(kHourEnd + 30'000);
  store->seal_due();
  CHECK(count("SELECT count(*) FROM pack") == 0);
  clock.set_wall_ms(kHourEnd + 180'000);
  store->seal_due();
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 1);
  CHECK(count("SELECT samples FROM pack WHERE tier=0") == 601);
  // The sample at the very end of a minute is that minute's.
  CHECK(count("SELECT samples FROM pack WHERE tier=1") == 11);
  CHECK(count("SELECT samples FROM pack WHERE tier=2") == 1);
  // The first group lies in the sealed hour alone; the second is in force, and reaches beyond it.
  CHECK(count("SELECT count(*) FROM keyframe") == 1);
  CHECK(read(agent.series(slot)).times_ms == before.times_ms);
  CHECK(read(agent.series(slot)).values == before.values);
  CHECK(store->reader().oldest_ms(host) == kHourEnd - 600'000);
  reopen();
  CHECK(read(agent.series(slot)).times_ms == before.times_ms);
  CHECK(read(agent.series(slot)).values == before.values);
}

TEST_CASE_METHOD(SealerTest, "sealing everything empties the journal") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::counter("m"));
  append(agent, slot, kHourEnd - 600'000, 1200);
  const SeriesId id = agent.series(slot);
  reopen();  // so that nothing is in force
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 0);
  CHECK(count("SELECT count(*) FROM keyframe") == 0);
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 2);
  CHECK(count("PRAGMA freelist_count") == 0);
  CHECK(std::filesystem::file_size(options.directory / "volta.db-wal") == 0);
  CHECK(read(id).times_ms.size() == 1200);
  store->seal_all();
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 2);
  // The next rows count on from what was sealed, though the run is all that remembers it.
  test::Agent again(store->journal(), host, test::run_id(2));
  append(again, again.define(test::counter("m")), kHourEnd - 600'000, 1);
  CHECK(read(id).values[0] == 100);
  CHECK(read(id).times_ms.size() == 1200);
}

TEST_CASE_METHOD(SealerTest, "late samples of a sealed hour win over what is there") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  append(agent, slot, kHourEnd - 600'000, 600);
  clock.set_wall_ms(kHourEnd + 180'000);
  store->seal_due();
  test::Agent late(store->journal(), host, test::run_id(2));
  const Slot again = late.define(test::gauge("m"));
  late.tick(kHourEnd - 599'500, std::vector<Reading>{{again, 7}});
  late.tick(kHourEnd - 599'000, std::vector<Reading>{{again, 8}});
  REQUIRE(test::commit(store->journal(), late.finish()) == CommitState::committed);
  const auto check = [&] {
    const SampleColumn column = read(agent.series(slot));
    REQUIRE(column.times_ms.size() == 601);
    CHECK(column.times_ms[1] == kHourEnd - 599'500);
    CHECK(column.values[1] == 7);
    CHECK(column.values[2] == 8);
  };
  check();
  store->seal_due();  // not at once: more may come
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 1);
  seal_late();
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 2);
  check();
  reopen();
  check();
}

TEST_CASE_METHOD(SealerTest, "whatever is sealed when, samples agree with a map") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  options.head_bytes = random() % 2 == 0 ? 20'000 : 24U << 20U;
  Model model;
  open();
  SealLoad load(random, *this, model);
  load.begin();
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 25; ++i) {
      load.send();
      clock.advance(std::chrono::seconds(random() % 60));
    }
    switch (random() % 6) {
      case 0:
        store->seal_all();
        break;
      case 1:
        reopen();
        load.begin();
        break;
      case 2:
        store->maintain();
        break;
      default:
        store->seal_due();
    }
    check_model(*this, model, INT64_MIN, INT64_MAX);
    const std::int64_t start =
        clock.wall_ms() - static_cast<std::int64_t>(random() % (8 * kHourMs));
    check_model(*this, model, start, start + static_cast<std::int64_t>(random() % kHourMs));
    check_tiers(*this, model);
  }
  reopen();
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 0);
  check_model(*this, model, INT64_MIN, INT64_MAX);
  check_tiers(*this, model);
}

TEST_CASE_METHOD(SealerTest, "older samples than are kept go to the tiers only") {
  options.raw_age = std::chrono::hours(24);
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::counter("m"));
  const std::int64_t old = kHourEnd - 48 * kHourMs;  // the end of an hour
  append(agent, slot, old - 599'000, 300);
  agent.force_keyframe();
  append(agent, slot, old - 299'000, 100);
  const SeriesId id = agent.series(slot);
  const auto hour = [&] {
    QuerySeries series;
    series.ref = static_cast<std::uint32_t>(id);
    WindowColumn found;
    store->source().read_windows(std::vector{series}, Tier::hour, {old, old},
                                 [&](std::size_t, const WindowColumn& windows) {
                                   found = windows;
                                   return true;
                                 });
    REQUIRE(found.size() == 1);
    return found;
  };
  CHECK(hour().count[0] == 400);
  reopen();
  store->seal_due();
  store->maintain();
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 0);
  CHECK(count("SELECT count(*) FROM journal") == 0);
  CHECK(count("SELECT count(*) FROM seal") == 0);
  CHECK(hour().count[0] == 400);
  CHECK(hour().increase[0] == 299 + 100 + 99);  // the second hundred begins at 100 again
  // More of the same hour is joined with what the tiers have, and counted once.
  test::Agent late(store->journal(), host, test::run_id(2));
  const Slot again = late.define(test::counter("m"));
  late.tick(old - 1000, std::vector<Reading>{{again, 1000}});
  REQUIRE(test::commit(store->journal(), late.finish()) == CommitState::committed);
  CHECK(hour().count[0] == 401);
  store->seal_all();
  CHECK(hour().count[0] == 401);
  CHECK(hour().last[0] == 1000);
  store->seal_all();
  store->maintain();
  reopen();
  store->seal_all();
  CHECK(hour().count[0] == 401);
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 0);
}

TEST_CASE_METHOD(SealerTest, "each tier is let go by its own age, and its series with the last") {
  options.raw_age = std::chrono::hours(24);
  options.minute_age = std::chrono::hours(48);
  options.hour_age = std::chrono::hours(24 * 40);
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  append(agent, agent.define(test::gauge("m")), kHourEnd - 600'000, 500);
  reopen();
  store->seal_all();
  const auto packs = [&](int tier) {
    return count(tier == 0   ? "SELECT count(*) FROM pack WHERE tier=0"
                 : tier == 1 ? "SELECT count(*) FROM pack WHERE tier=1"
                             : "SELECT count(*) FROM pack WHERE tier=2");
  };
  const auto check = [&](int raw, int minutes, int hours) {
    store->maintain();
    CHECK(packs(0) == raw);
    CHECK(packs(1) == minutes);
    CHECK(packs(2) == hours);
  };
  check(1, 1, 1);
  clock.advance(std::chrono::hours(25));
  check(0, 1, 1);
  clock.advance(std::chrono::hours(30));
  check(0, 0, 1);
  clock.advance(std::chrono::hours(24 * 8));
  check(0, 0, 1);
  CHECK(count("SELECT count(*) FROM run") == 0);
  CHECK(count("SELECT count(*) FROM series") == 1);
  clock.advance(std::chrono::hours(24 * 70));
  check(0, 0, 0);
  store->maintain();
  CHECK(count("SELECT count(*) FROM series") == 0);
  CHECK(count("SELECT count(*) FROM series_kept") == 0);
}

TEST_CASE_METHOD(SealerTest, "a removed host's packs go with it") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  append(agent, agent.define(test::gauge("m")), kHourEnd - 600'000, 500);
  store->seal_all();
  CHECK(count("SELECT count(*) FROM pack") == 3);
  REQUIRE(store->hosts().remove(host));
  store->maintain();
  CHECK(count("SELECT count(*) FROM pack") == 0);
  CHECK(count("SELECT count(*) FROM seal") == 0);
  CHECK(count("SELECT count(*) FROM series_kept") == 0);
  CHECK(count("SELECT count(*) FROM host") == 0);
}

TEST_CASE_METHOD(SealerTest, "short packs of the tiers become few long ones") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::counter("m"));
  const SeriesId id = agent.series(slot);
  // Two days, a tick every ten seconds, from the beginning of a day on.
  const std::int64_t start = kStart / (24 * kHourMs) * 24 * kHourMs;
  std::vector<std::int64_t> times;
  std::vector<double> values;
  for (int tick = 1; tick <= 2 * 8640; ++tick) {
    times.push_back(start + tick * 10'000);
    values.push_back(tick * 3);
    agent.tick(times.back(), std::vector<Reading>{{slot, static_cast<std::uint64_t>(tick * 3)}});
    if (tick % 60 != 0) continue;
    agent.force_keyframe();
    REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
    clock.set_wall_ms(times.back());
    if (tick % 360 == 0) store->seal_due();
  }
  const auto check = [&] {
    QuerySeries series;
    series.ref = static_cast<std::uint32_t>(id);
    for (const Tier tier : {Tier::minute, Tier::hour}) {
      store->source().read_windows(
          std::vector{series}, tier, {start, start + 100 * kHourMs},
          [&](std::size_t, const WindowColumn& found) {
            check_windows(found, build_windows({times, values}, tier_step_ms(tier)), Kind::counter);
            return true;
          });
    }
  };
  check();
  clock.advance(std::chrono::minutes(30));
  store->seal_due();
  check();
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 48);
  CHECK(count("SELECT count(*) FROM pack WHERE tier=1") == 8);
  CHECK(count("SELECT count(*) FROM pack WHERE tier=2") == 2);
  // Late samples are a short pack beside the long one, until there are many or all is sealed.
  test::Agent late(store->journal(), host, test::run_id(2));
  late.define(test::counter("m"));
  late.tick(times[100] + 1, std::vector<Reading>{{0, 302}});
  REQUIRE(test::commit(store->journal(), late.finish()) == CommitState::committed);
  times.insert(times.begin() + 101, times[100] + 1);
  values.insert(values.begin() + 101, 302);
  check();
  seal_late();
  check();
  CHECK(count("SELECT count(*) FROM pack WHERE tier=1") == 9);
  store->seal_all();
  check();
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 48);
  CHECK(count("SELECT count(*) FROM pack WHERE tier=1") == 8);
  reopen();
  check();
}

TEST_CASE_METHOD(SealerTest, "a broken pack is put aside and the rest stays readable") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  append(agent, slot, kHourEnd - 600'000, 1200);
  const SeriesId id = agent.series(slot);
  store->seal_all();
  store.reset();
  {
    Connection connection((options.directory / "volta.db").string(), Connection::Mode::writer,
                          1000);
    connection.execute("UPDATE pack SET data = zeroblob(length(data)) WHERE tier=0 AND end_ms=" +
                       std::to_string(kHourEnd));
  }
  open();
  CHECK(read(id).times_ms.size() == 599);
  CHECK(read(id).times_ms.size() == 599);
  store->seal_due();
  CHECK(count("SELECT count(*) FROM bad_pack") == 1);
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 1);
  CHECK(read(id).times_ms.size() == 599);
}

}  // namespace
}  // namespace volta
