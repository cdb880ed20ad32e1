#include "store/sealer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "store/window_builder.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;
constexpr std::int64_t kHourMs = 3'600'000;
// The end of the hour that kStart lies in.
constexpr std::int64_t kHourEnd = (kStart / kHourMs + 1) * kHourMs;

class SealerTest {
 public:
  SealerTest() {
    options.directory = dir_.path() / "data";
    options.seal_in_background = false;
    options.raw_age = std::chrono::milliseconds(0);
  }
  void open() {
    store = std::make_unique<Store>(options, clock);
    const auto known = store->hosts().find("a");
    host = known ? known->id : store->hosts().add("a", test::token(1)).value().id;
  }
  void reopen() {
    store.reset();
    open();
  }
  [[nodiscard]] std::int64_t count(const char* sql) const {
    Connection connection((options.directory / "volta.db").string(), Connection::Mode::reader,
                          1000);
    return connection.number(sql);
  }
  // Ticks of one slot at one per second.
  void append(test::Agent& agent, Slot slot, std::int64_t first_ms, int ticks) {
    for (int i = 0; i < ticks; ++i) {
      agent.tick(first_ms + i * 1000,
                 std::vector<Reading>{{slot, static_cast<std::uint64_t>(100 + i)}});
    }
    REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
  }
  [[nodiscard]] SampleColumn read(SeriesId id) const {
    return store->reader().read(host, std::vector{id}, INT64_MIN, INT64_MAX)[0];
  }
  // Until late samples of a sealed window are due.
  void seal_late() {
    store->seal_due();
    clock.advance(std::chrono::minutes(11));
    store->seal_due();
  }

  StoreOptions options;
  test::FakeClock clock{kStart};
  std::unique_ptr<Store> store;
  HostId host{};

 private:
  test::TempDir dir_;
};

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

// What the store must answer: value by time.
using Model = std::map<SeriesId, std::map<std::int64_t, double>>;

// A host with a few runs whose samples come in order, late, twice, reordered and with gaps.
class SealLoad {
 public:
  SealLoad(std::mt19937_64& random, SealerTest& test, Model& model)
      : random_(random), test_(test), model_(model) {}

  // Agents of before know no more of the store.
  void begin() {
    agents_.clear();
    for (int i = 0; i < 3; ++i) {
      agents_.emplace_back(test_.store->journal(), test_.host, test::run_id(++runs_));
      for (int slot = 0; slot < 4; ++slot) agents_.back().define(series(slot));
    }
  }
  void send() {
    test::Agent& agent = agents_[random_() % agents_.size()];
    const std::int64_t now = test_.clock.wall_ms();
    std::int64_t time = now - 20'000;
    if (random_() % 3 == 0) time -= static_cast<std::int64_t>(random_() % (6 * kHourMs));
    if (random_() % 50 == 0) time += 100 * kHourMs;
    if (random_() % 4 == 0) agent.force_keyframe();
    std::vector<std::pair<SeriesId, std::pair<std::int64_t, double>>> sent;
    const int ticks = 1 + static_cast<int>(random_() % 20);
    for (int tick = 0; tick < ticks; ++tick) {
      time += random_() % 30 == 0 ? -5000 : random_() % 5 == 0 ? 0 : 1000;
      if (random_() % 40 == 0) time -= time % 60'000;
      std::vector<Reading> readings;
      for (Slot slot = 0; slot < 4; ++slot) {
        if (random_() % 5 == 0) continue;
        const std::uint64_t raw = raw_of(slot);
        readings.push_back({slot, raw});
        sent.push_back({agent.series(slot), {time, value(slot, raw)}});
      }
      agent.tick(time, readings);
    }
    REQUIRE(test::commit(test_.store->journal(), agent.finish()) == CommitState::committed);
    for (const auto& [id, sample] : sent) model_[id][sample.first] = sample.second;
  }

 private:
  static SeriesDef series(int slot) {
    SeriesDef def = slot % 2 == 0 ? test::gauge("m" + std::to_string(slot))
                                  : test::counter("m" + std::to_string(slot));
    if (slot == 1) def.type = ValueType::uint64;
    if (slot == 2) def.type = ValueType::float64;
    if (slot == 3) def.scale = 3;
    return def;
  }
  std::uint64_t raw_of(Slot slot) {
    switch (slot) {
      case 1:
        return UINT64_MAX - random_() % 1000;
      case 2: {
        constexpr std::array<double, 5> kValues{0.25, -0.0, 1e300, 5e-324, 12.34};
        if (random_() % 20 == 0) return 0x7ff0'0000'0000'0000;
        return std::bit_cast<std::uint64_t>(kValues.at(random_() % kValues.size()));
      }
      default:
        return random_() % 2000 - 1000;
    }
  }
  static double value(Slot slot, std::uint64_t raw) {
    const SeriesDef def = series(static_cast<int>(slot));
    return to_double(def.type, def.scale, raw);
  }

  std::mt19937_64& random_;
  SealerTest& test_;
  Model& model_;
  std::vector<test::Agent> agents_;
  std::uint64_t runs_ = 0;
};

void check_model(const SealerTest& test, const Model& model, std::int64_t start, std::int64_t end) {
  for (const auto& [id, samples] : model) {
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (auto at = samples.lower_bound(start); at != samples.end() && at->first <= end; ++at) {
      times.push_back(at->first);
      values.push_back(at->second);
    }
    const auto column = test.store->reader().read(test.host, std::vector{id}, start, end)[0];
    REQUIRE(column.times_ms == times);
    REQUIRE(column.values == values);
  }
}

bool nearly(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return true;
  return std::abs(a - b) <= 1e-9 * (std::abs(a) + std::abs(b)) + 1e-6;
}

void check_windows(const WindowColumn& found, const WindowColumn& expected, Kind kind) {
  REQUIRE(found.end_ms == expected.end_ms);
  REQUIRE(found.first_ms == expected.first_ms);
  REQUIRE(found.last_ms == expected.last_ms);
  REQUIRE(found.first == expected.first);
  REQUIRE(found.last == expected.last);
  REQUIRE(found.min == expected.min);
  REQUIRE(found.max == expected.max);
  REQUIRE(found.count == expected.count);
  REQUIRE(found.ends_stale == expected.ends_stale);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(found.sum[i], expected.sum[i], found.increase[i], expected.increase[i]);
    REQUIRE(nearly(found.sum[i], expected.sum[i]));
    if (kind == Kind::counter) REQUIRE(nearly(found.increase[i], expected.increase[i]));
  }
}

// All windows of both tiers are those of the model's samples.
void check_tiers(const SealerTest& test, const Model& model) {
  for (const auto& [id, samples] : model) {
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (const auto& [time, value] : samples) {
      times.push_back(time);
      values.push_back(value);
    }
    QuerySeries series;
    series.ref = static_cast<std::uint32_t>(id);
    const auto records = test.store->series().find(test.host, "*");
    const auto record = std::find_if(records.begin(), records.end(),
                                     [&](const SeriesRecord& each) { return each.id == id; });
    REQUIRE(record != records.end());
    for (const Tier tier : {Tier::minute, Tier::hour}) {
      const WindowColumn expected = build_windows({times, values}, tier_step_ms(tier));
      test.store->source().read_windows(std::vector{series}, tier,
                                        {kStart - 100 * kHourMs, kStart + 1000 * kHourMs},
                                        [&](std::size_t, const WindowColumn& found) {
                                          check_windows(found, expected, record->def.kind);
                                          return true;
                                        });
    }
  }
}

TEST_CASE_METHOD(SealerTest, "whatever is sealed when, samples agree with a map") {
  const unsigned seed = std::random_device{}();
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
