#include "energy/zone_meter.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "support/seed.hpp"

namespace volta {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kAmdRange = 65'532'610'987;

ZoneInfo zone(std::uint64_t range_uj, double limit_w = 0) {
  ZoneInfo info;
  info.range_uj = range_uj;
  info.limit_w = limit_w;
  return info;
}

ZoneReading energy(std::uint64_t uj, std::chrono::nanoseconds at) {
  return {0, ZoneReading::What::energy_uj, uj, at};
}
ZoneReading power(std::uint64_t uw, std::chrono::nanoseconds at) {
  return {0, ZoneReading::What::power_uw, uw, at};
}

TEST_CASE("a counter starts with what it shows and then counts") {
  ZoneMeter meter(zone(kAmdRange));
  meter.add(energy(5'000'000, seconds(10)), {});
  CHECK(meter.energy_uj() == 5'000'000);
  CHECK_FALSE(meter.power_mw());
  meter.add(energy(25'000'000, seconds(11)), {});
  CHECK(meter.energy_uj() == 25'000'000);
  CHECK(meter.power_mw() == 20'000);
  meter.add(energy(30'000'000, milliseconds(11'500)), {});
  CHECK(meter.power_mw() == 10'000);
}

struct Step {
  std::uint64_t from, to;
  std::chrono::nanoseconds interval;
  std::optional<std::int64_t> delta;
  std::optional<Repair> repair;
};

TEST_CASE("wraps are undone, what cannot be is set aside and flagged") {
  const Step steps[] = {
      {kAmdRange - 1'000'000, 9'000'000, seconds(1), 10'000'000, Repair::wrap},
      {kAmdRange - 1'000'000, 9'000'000, seconds(200), std::nullopt,
       Repair::gap},                                                  // perhaps two wraps
      {30'000'000'000, 10, seconds(1), std::nullopt, Repair::reset},  // 35 kW would be needed
      {0, 3'000'000'000, seconds(1), std::nullopt, Repair::spike},    // 3 kW on 3 x 500 W
      {0, 1'400'000'000, seconds(1), 1'400'000'000, std::nullopt},
      {100, 100, seconds(1), 0, std::nullopt},
      {kAmdRange + 5, 10, seconds(1), std::nullopt, Repair::reset},  // beyond its own range
  };
  for (const Step& step : steps) {
    CAPTURE(step.from, step.to);
    ZoneMeter meter(zone(kAmdRange));
    meter.add(energy(step.from, seconds(1)), {});
    const std::int64_t before = meter.energy_uj();
    meter.add(energy(step.to, seconds(1) + step.interval), {});
    CHECK(meter.last_delta_uj() == step.delta);
    CHECK(meter.energy_uj() == before + step.delta.value_or(0));
    std::uint64_t repairs = 0;
    for (std::size_t kind = 0; kind < kRepairKinds; ++kind)
      repairs += meter.repairs(static_cast<Repair>(kind));
    CHECK(repairs == (step.repair ? 1 : 0));
    if (step.repair) CHECK(meter.repairs(*step.repair) == 1);
  }
}

TEST_CASE("without a range every decrease is a reset") {
  ZoneMeter meter(zone(0));
  meter.add(energy(100, seconds(1)), {});
  meter.add(energy(50, seconds(2)), {});
  CHECK(meter.repairs(Repair::reset) == 1);
  meter.add(energy(80, seconds(3)), {});
  CHECK(meter.energy_uj() == 130);
}

TEST_CASE("a random walk through many wraps loses nothing but the unit at each") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  ZoneMeter meter(zone(kAmdRange, 400));
  std::uint64_t truth = random() % kAmdRange;
  const std::uint64_t start = truth;
  std::chrono::nanoseconds now = seconds(1);
  meter.add(energy(truth % kAmdRange, now), {});
  for (int i = 0; i < 20'000; ++i) {
    truth += random() % 400'000'000;
    now += seconds(1);
    meter.add(energy(truth % kAmdRange, now), {});
  }
  CHECK(meter.repairs(Repair::wrap) >= 10);
  CHECK(static_cast<std::uint64_t>(meter.energy_uj()) == truth - start + start % kAmdRange);
}

TEST_CASE("an interval with a suspend in it is left out and flagged") {
  ZoneMeter meter(zone(kAmdRange));
  meter.add(energy(100, seconds(1)), {});
  meter.add(energy(50, seconds(30'000)), {true, false});
  CHECK(meter.repairs(Repair::suspend) == 1);
  CHECK_FALSE(meter.last_delta_uj());
  meter.add(energy(1'000'050, seconds(30'001)), {});
  CHECK(meter.energy_uj() == 1'000'100);
}

TEST_CASE("a set wall clock is flagged and loses nothing") {
  ZoneMeter meter(zone(kAmdRange));
  meter.add(energy(0, seconds(1)), {});
  meter.add(energy(10'000'000, seconds(2)), {false, true});
  CHECK(meter.energy_uj() == 10'000'000);
  CHECK(meter.repairs(Repair::clock) == 1);
}

TEST_CASE("a counter that stands still for ten seconds from the start is dead until it moves") {
  ZoneMeter meter(zone(kAmdRange));
  for (int second = 1; second <= 10; ++second) meter.add(energy(0, seconds(second)), {});
  CHECK_FALSE(meter.dead());
  meter.add(energy(0, seconds(11)), {});
  CHECK(meter.dead());
  meter.add(energy(5, seconds(12)), {});
  CHECK_FALSE(meter.dead());
  meter.add(energy(5, seconds(60)), {});
  CHECK_FALSE(meter.dead());
}

TEST_CASE("a power sensor is integrated by trapezoids, from nothing") {
  ZoneMeter meter(zone(0));
  meter.add(power(10'000'000, seconds(1)), {});
  CHECK(meter.energy_uj() == 0);
  meter.add(power(20'000'000, seconds(3)), {});
  CHECK(meter.energy_uj() == 30'000'000);
  CHECK(meter.power_mw() == 15'000);
  meter.pause();
  meter.add(power(20'000'000, seconds(100)), {});
  CHECK(meter.energy_uj() == 30'000'000);
  meter.add(power(20'000'000, seconds(300)), {});
  CHECK(meter.repairs(Repair::gap) == 1);
  meter.add(power(9'000'000'000, seconds(301)), {});
  CHECK(meter.repairs(Repair::spike) == 1);
  meter.add(power(20'000'000, seconds(302)), {});
  CHECK(meter.energy_uj() == 30'000'000);
}

}  // namespace
}  // namespace volta
