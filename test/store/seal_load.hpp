// What tests of sealing share: a store whose clock and whose sealing the test drives, a load of
// samples that come as badly as they may, and what the store must answer then.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "store/window_builder.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta::test {

inline constexpr std::int64_t kHourMs = 3'600'000;
// The end of the hour that kStart lies in.
inline constexpr std::int64_t kHourEnd = (kStart / kHourMs + 1) * kHourMs;

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
    host = known ? known->id : store->hosts().add("a", token(1)).value().id;
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
  void append(Agent& agent, Slot slot, std::int64_t first_ms, int ticks) {
    for (int i = 0; i < ticks; ++i) {
      agent.tick(first_ms + i * 1000,
                 std::vector<Reading>{{slot, static_cast<std::uint64_t>(100 + i)}});
    }
    REQUIRE(commit(store->journal(), agent.finish()) == CommitState::committed);
  }
  [[nodiscard]] SampleColumn read(SeriesId id) const {
    return store->reader().read(host, std::vector{id}, INT64_MIN, INT64_MAX)[0];
  }
  // Changes the database behind the store's back, which is closed meanwhile.
  void change(const std::string& sql) {
    store.reset();
    {
      Connection connection((options.directory / "volta.db").string(), Connection::Mode::writer,
                            1000);
      connection.execute(sql);
    }
    open();
  }
  // Of one series.
  [[nodiscard]] WindowColumn windows(SeriesId id, Tier tier, TimeSpan ends) const {
    QuerySeries series;
    series.ref = static_cast<std::uint32_t>(id);
    WindowColumn found;
    store->source().read_windows(std::vector{series}, tier, ends,
                                 [&](std::size_t, const WindowColumn& windows) {
                                   found = windows;
                                   return true;
                                 });
    return found;
  }
  // Until late samples of a sealed window are due.
  void seal_late() {
    store->seal_due();
    clock.advance(std::chrono::minutes(11));
    store->seal_due();
  }

  StoreOptions options;
  FakeClock clock{kStart};
  std::unique_ptr<Store> store;
  HostId host{};

 private:
  TempDir dir_;
};

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
      agents_.emplace_back(test_.store->journal(), test_.host, run_id(++runs_));
      for (int slot = 0; slot < 4; ++slot) agents_.back().define(series(slot));
    }
  }
  void send() {
    Agent& agent = agents_[random_() % agents_.size()];
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
    REQUIRE(commit(test_.store->journal(), agent.finish()) == CommitState::committed);
    for (const auto& [id, sample] : sent) model_[id][sample.first] = sample.second;
  }

 private:
  static SeriesDef series(int slot) {
    SeriesDef def =
        slot % 2 == 0 ? gauge("m" + std::to_string(slot)) : counter("m" + std::to_string(slot));
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
  std::vector<Agent> agents_;
  std::uint64_t runs_ = 0;
};

inline void check_model(const SealerTest& test, const Model& model, std::int64_t start,
                        std::int64_t end) {
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

inline bool nearly(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return true;
  return std::abs(a - b) <= 1e-9 * (std::abs(a) + std::abs(b)) + 1e-6;
}

inline void check_windows(const WindowColumn& found, const WindowColumn& expected, Kind kind) {
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
inline void check_tiers(const SealerTest& test, const Model& model) {
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

}  // namespace volta::test
