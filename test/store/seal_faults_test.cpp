// Sealing where something is wrong: with a window, a pack, a batch, a host or a clock.
#include <functional>

#include <catch2/catch.hpp>

#include "store/check.hpp"
#include "store/seal_load.hpp"

namespace volta {
namespace {

using test::kHourEnd;
using test::kHourMs;
using test::kStart;
using test::SealerTest;

constexpr TimeSpan kAllTimes{INT64_MIN, INT64_MAX};

class SealFaults : public SealerTest {
 public:
  // An hour of 600 samples of one series, sealed.
  SeriesId seal_hour() {
    test::Agent agent(store->journal(), host, test::run_id(1));
    const Slot slot = agent.define(test::gauge("m"));
    append(agent, slot, kHourEnd - 600'000, 600);
    clock.set_wall_ms(kHourEnd + 180'000);
    store->seal_due();
    REQUIRE(count("SELECT count(*) FROM pack WHERE tier=0") == 1);
    return agent.series(slot);
  }
  void send_late(std::uint64_t run, std::int64_t time_ms, std::uint64_t value,
                 const SeriesDef& def = test::gauge("m")) {
    test::Agent late(store->journal(), host, test::run_id(run));
    late.define(def);
    REQUIRE(test::commit(store->journal(), late.finish_one(0, time_ms, value)) ==
            CommitState::committed);
  }
  [[nodiscard]] WindowColumn hour(SeriesId id) const {
    return windows(id, Tier::hour, {kHourEnd, kHourEnd});
  }
};

TEST_CASE_METHOD(SealFaults, "an hour that cannot be sealed does not keep the others waiting") {
  open();
  const HostId other = store->hosts().add("b", test::token(2)).value().id;
  REQUIRE(host < other);
  for (const HostId each : {host, other}) {
    test::Agent agent(store->journal(), each, test::run_id(1));
    append(agent, agent.define(test::gauge("m")), kHourEnd - 600'000, 100);
  }
  const auto packs_of = [&](HostId of) {
    return of == host ? count("SELECT count(*) FROM pack WHERE host_id=1")
                      : count("SELECT count(*) FROM pack WHERE host_id=2");
  };
  change(
      "CREATE TRIGGER stop BEFORE INSERT ON pack WHEN NEW.host_id=1"
      " BEGIN SELECT RAISE(ABORT, 'not this one'); END");
  clock.set_wall_ms(kHourEnd + 180'000);
  CHECK_THROWS_WITH(store->seal_due(), Catch::Contains("not this one"));
  CHECK(packs_of(host) == 0);
  CHECK(packs_of(other) == 3);
  // Tried again after a while, and then after a longer one.
  store->seal_due();
  clock.advance(std::chrono::seconds(11));
  CHECK_THROWS_AS(store->seal_due(), Failure);
  clock.advance(std::chrono::seconds(11));
  store->seal_due();
  clock.advance(std::chrono::seconds(11));
  CHECK_THROWS_AS(store->seal_due(), Failure);
  CHECK_THROWS_AS(store->seal_all(), Failure);  // whoever asks for all is told
  change("DROP TRIGGER stop");
  store->seal_due();
  CHECK(packs_of(host) == 3);
  CHECK(count("SELECT count(*) FROM journal") == 0);
}

TEST_CASE_METHOD(SealFaults, "an hour that can never be sealed goes when it is old") {
  options.raw_age = std::chrono::hours(24);
  options.seal_in_background = true;  // else the journal's rows go by their age
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  append(agent, agent.define(test::gauge("m")), kHourEnd - 600'000, 100);
  LabeledSamples foreign{
      std::make_shared<const Labels>(Labels{{"__name__", "f"}}), {kHourEnd - 5000}, {1}};
  REQUIRE(store->sink().write(std::vector{foreign}).state == WriteState::committed);
  change("CREATE TRIGGER stop BEFORE INSERT ON pack BEGIN SELECT RAISE(ABORT, 'never'); END");
  const auto try_it = [&] {
    try {
      store->seal_due();
    } catch (const Failure&) {  // or it is not time to try again
    }
  };
  clock.set_wall_ms(kHourEnd + 180'000);
  for (int minute = 0; minute < 100; ++minute) {
    clock.advance(std::chrono::minutes(1));
    try_it();
  }
  store->maintain();
  try_it();
  CHECK(count("SELECT count(*) FROM journal") == 1);  // it may be sealed yet
  CHECK(count("SELECT count(*) FROM foreign_row") == 1);
  clock.advance(std::chrono::hours(24));
  store->maintain();
  try_it();
  CHECK(count("SELECT count(*) FROM journal") == 0);
  CHECK(count("SELECT count(*) FROM foreign_row") == 0);
  store->seal_due();
  CHECK(count("SELECT count(*) FROM seal") == 0);
}

TEST_CASE_METHOD(SealFaults, "a long backlog leaves the journal while it is sealed") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  constexpr int kHours = 100;
  for (int hour = 0; hour < kHours; ++hour) {
    agent.force_keyframe();
    append(agent, slot, kHourEnd + hour * kHourMs - 10'000, 10);
  }
  change(
      "CREATE TABLE met(groups); CREATE TRIGGER meet AFTER INSERT ON seal BEGIN"
      " INSERT INTO met SELECT count(*) FROM keyframe; END");
  clock.set_wall_ms(kHourEnd + (kHours + 1) * kHourMs);
  store->seal_due();
  CHECK(count("SELECT count(*) FROM met") == kHours);
  // So that retention by size never sees everything twice.
  CHECK(count("SELECT groups FROM met ORDER BY rowid DESC LIMIT 1") < kHours / 2);
  CHECK(count("SELECT count(*) FROM keyframe") == 0);
}

TEST_CASE_METHOD(SealFaults, "a host whose clock is ahead is sealed every ten minutes at most") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  const std::int64_t ahead = kHourEnd + 100 * kHourMs - 1'000'000;
  std::int64_t next = 0;
  std::int64_t mark = 0;
  int seals = 0;
  for (int look = 0; look < 360; ++look) {  // half an hour
    append(agent, slot, ahead + 1000 * next++, 1);
    clock.advance(std::chrono::seconds(5));
    store->seal_due();
    const std::int64_t now = count("SELECT max(accepted) FROM seal");
    if (now != mark) ++seals;
    mark = now;
  }
  CHECK(seals >= 2);
  CHECK(seals <= 3);
  CHECK(read(agent.series(slot)).times_ms.size() == 360);
}

TEST_CASE_METHOD(SealFaults, "late samples of an hour with a lost pack are added to its windows") {
  // Whether the pack is known to be broken before the late samples are sealed.
  for (const bool found_before : {true, false}) {
    CAPTURE(found_before);
    store.reset();
    std::filesystem::remove_all(options.directory);
    clock.set_wall_ms(kStart);
    open();
    const SeriesId id = seal_hour();
    send_late(2, kHourEnd - 1500, 7);
    seal_late();
    REQUIRE(count("SELECT count(*) FROM pack WHERE tier=0") == 2);
    REQUIRE(hour(id).count == std::vector<std::uint32_t>{601});
    change("UPDATE pack SET data = zeroblob(length(data)) WHERE tier=0 AND samples=600");
    if (found_before) {
      CHECK(read(id).times_ms.size() == 1);
      store->seal_due();
      CHECK(count("SELECT count(*) FROM bad_pack") == 1);
    }
    send_late(3, kHourEnd - 2500, 9000);
    seal_late();
    store->seal_due();
    CHECK(count("SELECT count(*) FROM bad_pack") == 1);
    CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 2);
    CHECK(hour(id).count == std::vector<std::uint32_t>{602});
    CHECK(hour(id).max == std::vector<double>{9000});
    CHECK(hour(id).min == std::vector<double>{7});
    CHECK(read(id).times_ms == std::vector{kHourEnd - 2500, kHourEnd - 1500});
  }
}

// Calls back whenever the wall clock is read on the thread that made it, but not from within.
class WatchedClock final : public Clock {
 public:
  WatchedClock(const Clock& clock, std::function<void()> watch)
      : clock_(clock), watch_(std::move(watch)), thread_(std::this_thread::get_id()) {}
  [[nodiscard]] std::int64_t wall_ms() const override {
    if (std::this_thread::get_id() == thread_ && !inside_) {
      inside_ = true;
      watch_();
      inside_ = false;
    }
    return clock_.wall_ms();
  }
  [[nodiscard]] std::chrono::nanoseconds boottime() const override { return clock_.boottime(); }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override { return clock_.monotonic(); }

 private:
  const Clock& clock_;
  std::function<void()> watch_;
  std::thread::id thread_;
  mutable bool inside_ = false;
};

TEST_CASE_METHOD(SealFaults, "nothing is written for a host that is removed while it is sealed") {
  int removed = 0;
  for (int when = 1; removed + 1 >= when; ++when) {
    CAPTURE(when);
    std::filesystem::remove_all(options.directory);
    clock.set_wall_ms(kStart);
    int left = 0;
    std::function<void()> remove_host;
    const WatchedClock watching(clock, [&] {
      if (left > 0 && --left == 0) remove_host();
    });
    std::unique_ptr<Store> watched;  // reads its clock to the end
    remove_host = [&] {
      REQUIRE(watched->hosts().remove(host));
      watched->maintain();
      ++removed;
    };
    watched = std::make_unique<Store>(options, watching);
    host = watched->hosts().add("a", test::token(1)).value().id;
    test::Agent agent(watched->journal(), host, test::run_id(1));
    const Slot slot = agent.define(test::gauge("m"));
    for (int i = 0; i < 600; ++i) {
      agent.tick(kHourEnd - 600'000 + i * 1000, std::vector<Reading>{{slot, 1}});
    }
    REQUIRE(test::commit(watched->journal(), agent.finish()) == CommitState::committed);
    clock.set_wall_ms(kHourEnd + 180'000);
    left = when;
    watched->seal_due();
    left = 0;
    if (removed < when) break;  // it was sealed with fewer looks at the clock
    watched->maintain();
    CHECK(count("SELECT count(*) FROM host") == 0);
    CHECK(count("SELECT count(*) FROM pack") == 0);
    CHECK(count("SELECT count(*) FROM seal") == 0);
    CHECK(count("SELECT count(*) FROM series_kept") == 0);
    CHECK(count("SELECT count(*) FROM journal") == 0);
  }
  CHECK(removed >= 2);
}

TEST_CASE_METHOD(SealFaults, "a group with batches that do not decode is kept until it is old") {
  options.raw_age = std::chrono::hours(24);
  options.seal_in_background = true;  // else the journal's rows go by their age
  options.head_bytes = 0;
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  for (int batch = 0; batch < 30; ++batch) {  // groups of ten
    if (batch % 10 == 0) agent.force_keyframe();
    append(agent, slot, kHourEnd - 600'000 + batch * 10'000, 10);
  }
  change("UPDATE journal SET payload = x'00' WHERE id = (2 << 24) + 4");
  store->seal_all();
  CHECK(count("SELECT count(*) FROM keyframe") == 1);
  CHECK(count("SELECT count(*) FROM journal WHERE id >> 24 = 2") == 10);
  CHECK(read(agent.series(slot)).times_ms.size() == 290);
  CHECK(store->check().problems.size() == 1);
  reopen();
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 10);
  CHECK(hour(agent.series(slot)).count == std::vector<std::uint32_t>{290});
  // A clock that jumps ahead ages nothing, whatever comes meanwhile; time does.
  const std::int64_t right = clock.wall_ms();
  clock.set_wall_ms(right + 26 * kHourMs);
  store->maintain();
  send_late(2, clock.wall_ms(), 1);
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal WHERE id >> 24 = 2") == 10);
  clock.set_wall_ms(right);
  clock.advance(std::chrono::hours(26));
  store->maintain();
  reopen();
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 0);
  CHECK(store->check().problems.empty());
}

TEST_CASE_METHOD(SealFaults, "a sample that comes again under a variant counts once in windows") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  append(agent, slot, kHourEnd - 119'000, 60);             // a minute of its own
  append(agent, slot, kHourEnd - 10'000, 1);               // and one with this alone
  append(agent, slot, kHourEnd - 30 * 60'000 + 1000, 10);  // of this a part comes again
  clock.set_wall_ms(kHourEnd + 180'000);
  store->seal_due();
  SeriesDef variant = test::gauge("m");
  variant.unit = "J";
  send_late(2, kHourEnd - 10'000, 7, variant);
  send_late(3, kHourEnd - 30 * 60'000 + 3000, 8, variant);
  const SeriesId id = store->journal().resolve(host, variant);
  const auto check = [&] {
    const SampleColumn samples = read(id);
    REQUIRE(samples.times_ms.size() == 71);
    for (const Tier tier : {Tier::minute, Tier::hour}) {
      test::check_windows(windows(id, tier, kAllTimes),
                          build_windows({samples.times_ms, samples.values}, tier_step_ms(tier)),
                          Kind::gauge);
    }
  };
  check();
  seal_late();
  REQUIRE(count("SELECT count(*) FROM pack WHERE tier=0") == 2);
  check();
  store->seal_all();  // merges them
  REQUIRE(count("SELECT count(*) FROM pack WHERE tier=1") == 1);
  check();
  reopen();
  check();
}

TEST_CASE_METHOD(SealFaults, "a seal that stops half way is not seen and not merged") {
  options.seal_slice_samples = 1000;
  options.seal_slice_bytes = 1;
  options.raw_age = std::chrono::hours(24);
  open();
  std::vector<SeriesId> series;
  const auto send = [&](std::uint64_t run, std::int64_t from_ms, int ticks, std::uint64_t base) {
    test::Agent agent(store->journal(), host, test::run_id(run));
    for (int i = 0; i < 12; ++i) agent.define(test::counter("m" + std::to_string(i)));
    if (series.empty()) {
      for (Slot slot = 0; slot < 12; ++slot) series.push_back(agent.series(slot));
    }
    for (int i = 0; i < ticks; ++i) {
      std::vector<Reading> readings;
      for (Slot slot = 0; slot < 12; ++slot) readings.push_back({slot, base + slot + 3U * i});
      agent.tick(from_ms + i * 1000, readings);
    }
    REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
  };
  send(1, kHourEnd - 600'000, 500, 1000);
  struct Answer {
    SampleColumn samples;
    WindowColumn minutes, hours;
  };
  const auto ask = [&] {
    std::vector<Answer> answers;
    for (const SeriesId id : series) {
      answers.push_back(
          {read(id), windows(id, Tier::minute, kAllTimes), windows(id, Tier::hour, kAllTimes)});
    }
    return answers;
  };
  const auto check = [&](const std::vector<Answer>& before) {
    const std::vector<Answer> now = ask();
    for (std::size_t i = 0; i < now.size(); ++i) {
      REQUIRE(now[i].samples.times_ms == before[i].samples.times_ms);
      REQUIRE(now[i].samples.values == before[i].samples.values);
      test::check_windows(now[i].minutes, before[i].minutes, Kind::counter);
      test::check_windows(now[i].hours, before[i].hours, Kind::counter);
    }
  };
  // First of an hour that is not sealed, then of late samples that change half of it.
  for (const bool late : {false, true}) {
    CAPTURE(late);
    if (late) send(2, kHourEnd - 400'500, 300, 70'000);
    const auto before = ask();
    const std::int64_t packs = count("SELECT count(*) FROM pack");
    change("CREATE TRIGGER stop BEFORE INSERT ON pack WHEN (SELECT count(*) FROM pack) >= " +
           std::to_string(packs + 3) + " BEGIN SELECT RAISE(ABORT, 'enough'); END");
    clock.set_wall_ms(kHourEnd + 180'000);
    if (late) store->seal_due();  // sees that there are some
    for (int i = 0; i < 3; ++i) {
      clock.advance(std::chrono::minutes(11));
      CHECK_THROWS_AS(store->seal_due(), Failure);
      CHECK_THROWS_AS(store->seal_all(), Failure);
      CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == (late ? packs / 3 + 3 : 3));
      check(before);
    }
    change("DROP TRIGGER stop");
    check(before);
    clock.advance(std::chrono::minutes(11));
    store->seal_due();
    clock.advance(std::chrono::minutes(11));
    store->seal_due();
    check(before);
    CHECK(count("SELECT sum(samples) FROM pack WHERE tier=0") == 12 * (late ? 800 : 500));
    store->seal_all();
    check(before);
  }
}

TEST_CASE_METHOD(SealFaults, "merging reads packs to merge them, and none to see if it should") {
  open();
  const SeriesId id = seal_hour();
  clock.advance(std::chrono::hours(24 * 60));
  store->seal_all();
  REQUIRE(count("SELECT count(*) FROM pack") == 3);
  REQUIRE(count("SELECT count(*) FROM pack WHERE span_ms > 3600000") == 0);  // one alone
  send_late(2, kHourEnd - 1500, 7);
  seal_late();
  send_late(3, kHourEnd - 1600, 7);
  seal_late();
  REQUIRE(count("SELECT count(*) FROM pack WHERE tier=1 AND span_ms=21600000") == 1);
  send_late(4, kHourEnd - 1700, 7);
  seal_late();
  REQUIRE(count("SELECT count(*) FROM pack WHERE tier=1") == 3);
  change("UPDATE pack SET data = zeroblob(length(data)) WHERE tier=1 AND span_ms=21600000");
  for (int i = 0; i < 5; ++i) {
    clock.advance(std::chrono::minutes(2));
    store->seal_due();
  }
  CHECK(count("SELECT count(*) FROM bad_pack") == 0);
  CHECK(read(id).times_ms.size() == 603);
}

TEST_CASE_METHOD(SealFaults, "times at the ends of what 64 bits hold are sealed like others") {
  open();
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  const std::vector<std::int64_t> times{
      INT64_MIN, INT64_MIN + 1,       INT64_MIN + kHourMs, -1,       0,
      kStart,    INT64_MAX - kHourMs, INT64_MAX - 1,       INT64_MAX};
  for (const std::int64_t time : times) {
    agent.tick(time, std::vector<Reading>{{slot, 5}});
  }
  REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
  const SeriesId id = agent.series(slot);
  for (int round = 0; round < 3; ++round) {
    CHECK(read(id).times_ms == times);
    reopen();
    store->seal_all();
    CHECK(count("SELECT count(*) FROM journal") == 0);
  }
  CHECK(read(id).times_ms == times);
}

}  // namespace
}  // namespace volta
