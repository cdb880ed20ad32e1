#include "energy/account.hpp"

#include <map>

#include <catch2/catch.hpp>

#include "support/fake_clock.hpp"

namespace volta {
namespace {

using std::chrono::seconds;

// A machine whose ticks are made by hand; `shown` holds the readings of the last tick by series
// text.
struct Machine {
  test::FakeClock clock;
  Layout layout;
  Tick tick{layout};
  Account account;
  std::map<std::string, std::int64_t> shown;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> energies;

  explicit Machine(double tdp_w = 0) : account(clock, {tdp_w}) {}

  std::uint32_t zone(const std::string& name, const std::string& device,
                     const std::string& source = "rapl") {
    ZoneInfo info;
    info.zone = name;
    info.device = device;
    info.source = source;
    info.range_uj = 262'143'328'850;
    return tick.announce(info);
  }
  void run(const std::vector<std::pair<std::uint32_t, std::uint64_t>>& energy_uj,
           const std::vector<std::pair<std::uint32_t, std::uint64_t>>& power_uw = {}) {
    tick.begin(clock.wall_ms(), clock.boottime());
    for (const auto& [zone, value] : energy_uj)
      tick.set_zone({zone, ZoneReading::What::energy_uj, value, clock.boottime()});
    for (const auto& [zone, value] : power_uw)
      tick.set_zone({zone, ZoneReading::What::power_uw, value, clock.boottime()});
    account.run(tick);
    shown.clear();
    for (const Reading& reading : tick.readings()) {
      const SeriesDef& series = layout.series()[reading.slot];
      shown[series.name + label_text(series.labels)] = static_cast<std::int64_t>(reading.raw);
    }
    clock.advance(seconds(1));
  }
};

std::string host(const std::string& metric, const std::string& quality, const std::string& source) {
  return metric + "{quality=\"" + quality + "\",source=\"" + source + "\",zone=\"host\"}";
}

TEST_CASE("zones show energy, power and error bound; the host is package plus dram, derived") {
  Machine machine;
  const auto package = machine.zone("package", "package-0");
  const auto dram = machine.zone("dram", "package-0/dram");
  const auto core = machine.zone("core", "package-0/core");
  machine.run({{package, 1'000'000}, {dram, 0}, {core, 0}});
  CHECK(
      machine.shown.at(
          R"(volta_energy_joules_total{device="package-0",quality="measured",source="rapl",zone="package"})") ==
      1'000'000);
  CHECK(
      machine.shown.count(
          R"(volta_power_watts{device="package-0",quality="measured",source="rapl",zone="package"})") ==
      0);
  machine.run({{package, 21'000'000}, {dram, 3'000'000}, {core, 9'000'000}});
  machine.run({{package, 41'000'000}, {dram, 6'000'000}, {core, 18'000'000}});
  CHECK(
      machine.shown.at(
          R"(volta_power_watts{device="package-0",quality="measured",source="rapl",zone="package"})") ==
      20'000);
  CHECK(machine.shown.at(host("volta_power_watts", "derived", "rapl")) == 23'000);
  CHECK(machine.shown.at(host("volta_energy_joules_total", "derived", "rapl")) == 46'000'000);
  CHECK(machine.shown.at(host("volta_energy_error_ratio", "derived", "rapl")) == 3500);
}

TEST_CASE("psys is the host only if it shows what package and dram show") {
  for (const bool whole : {true, false}) {
    CAPTURE(whole);
    Machine machine;
    const auto package = machine.zone("package", "package-0");
    const auto psys = machine.zone("psys", "psys");
    for (std::uint64_t i = 1; i <= 5; ++i)
      machine.run({{package, i * 10'000'000}, {psys, i * (whole ? 30'000'000 : 1'000'000)}});
    CHECK(machine.shown.count(host("volta_power_watts", "measured", "rapl")) == (whole ? 1 : 0));
    CHECK(machine.shown.count(host("volta_power_watts", "derived", "rapl")) == (whole ? 0 : 1));
  }
}

TEST_CASE("a platform meter stands for the machine") {
  Machine machine;
  const auto package = machine.zone("package", "package-0");
  const auto meter = machine.zone("platform", "power_meter:1", "hwmon");
  for (std::uint64_t i = 1; i <= 3; ++i)
    machine.run({{package, i * 10'000'000}}, {{meter, 300'000'000}});
  CHECK(machine.shown.at(host("volta_power_watts", "measured", "hwmon")) == 300'000);
}

TEST_CASE("meters of different chips show the same watts, those of one chip its parts") {
  Machine machine;
  const auto first = machine.zone("platform", "ibmaem:System energy", "hwmon");
  const auto other = machine.zone("platform", "power_meter:System Power", "hwmon");
  const auto part = machine.zone("platform", "ibmaem:Second half", "hwmon");
  for (std::uint64_t i = 1; i <= 3; ++i) {
    machine.run({{first, i * 100'000'000}, {part, i * 50'000'000}}, {{other, 150'000'000}});
  }
  CHECK(machine.shown.at(host("volta_power_watts", "measured", "hwmon")) == 150'000);
}

TEST_CASE("no error bound is shown as perfect") {
  Machine machine;
  const auto dram = machine.zone("dram", "package-0/dram");
  const auto package = machine.zone("package", "package-0");
  machine.run({{dram, 1}, {package, 1}});
  CHECK(
      machine.shown.at(
          R"(volta_energy_error_ratio{device="package-0/dram",quality="measured",source="rapl",zone="dram"})") ==
      2050);
  CHECK(
      machine.shown.at(
          R"(volta_energy_error_ratio{device="package-0",quality="measured",source="rapl",zone="package"})") ==
      500);
}

TEST_CASE("without a sensor the model answers, labelled estimated") {
  Machine machine(100);
  const auto load = [&](std::uint64_t busy, std::uint64_t total) {
    machine.tick.load().busy_ticks = busy;
    machine.tick.load().total_ticks = total;
    machine.tick.load().memory_bytes = 0;
  };
  load(1000, 10'000);
  machine.run({});
  load(1100, 10'200);  // half busy
  machine.run({});
  load(1200, 10'400);
  machine.run({});
  CHECK(machine.shown.at(host("volta_power_watts", "estimated", "model")) == 75'000);
  CHECK(machine.shown.at(host("volta_energy_joules_total", "estimated", "model")) == 150'000'000);
  CHECK(machine.shown.at(host("volta_energy_error_ratio", "estimated", "model")) == 5000);
  for (const SeriesDef& series : machine.layout.series()) {
    if (series.name == "volta_energy_joules_total") CHECK(series.quality == Quality::estimated);
  }
}

TEST_CASE("a dead counter gives way to the model") {
  Machine machine(100);
  const auto psys = machine.zone("psys", "psys");
  for (std::uint64_t i = 1; i <= 15; ++i) {
    machine.tick.load().busy_ticks = i;
    machine.tick.load().total_ticks = i * 200;
    machine.run({{psys, 0}});
  }
  CHECK(machine.shown.count(host("volta_power_watts", "estimated", "model")) == 1);
  CHECK(
      machine.shown.count(
          R"(volta_energy_joules_total{device="psys",quality="measured",source="rapl",zone="psys"})") ==
      0);
}

TEST_CASE(
    "when the source of the host's energy changes, no counter goes back and no time counts twice") {
  Machine machine;
  const auto package = machine.zone("package", "package-0");
  const auto battery = machine.zone("battery", "BAT0", "battery");
  const std::string on_battery = host("volta_energy_joules_total", "measured", "battery");
  const std::string on_rapl = host("volta_energy_joules_total", "derived", "rapl");
  std::uint64_t uj = 0;
  const auto run = [&](int ticks, int battery_every) {
    for (int i = 0; i < ticks; ++i) {
      uj += 5'000'000;
      const bool reads = battery_every > 0 && i % battery_every == 0;
      machine.run({{package, uj}},
                  reads
                      ? std::vector<std::pair<std::uint32_t, std::uint64_t>>{{battery, 12'000'000}}
                      : std::vector<std::pair<std::uint32_t, std::uint64_t>>{});
    }
  };
  run(21, 5);  // read every five seconds, as its firmware likes it: 20 s at 12 W
  CHECK(machine.shown.at(on_battery) == 240'000'000);
  CHECK(machine.shown.at(host("volta_power_watts", "measured", "battery")) == 12'000);
  CHECK(machine.shown.count(on_rapl) == 0);
  run(40, 0);  // plugged in: noticed after three of its intervals
  CHECK(machine.shown.at(on_battery) == 240'000'000);
  CHECK(machine.shown.at(on_rapl) == 25 * 5'000'000);
  CHECK(machine.shown.count(host("volta_power_watts", "measured", "battery")) == 0);
  run(6, 5);
  CHECK(machine.shown.at(on_battery) == 300'000'000);
  CHECK(machine.shown.at(on_rapl) == 25 * 5'000'000);
}

TEST_CASE("a battery that is read as rarely as allowed counts from its first reading on") {
  Machine machine;
  const auto battery = machine.zone("battery", "BAT0", "battery");
  for (int second = 0; second <= 60; ++second) {
    machine.run({},
                second % 30 == 0
                    ? std::vector<std::pair<std::uint32_t, std::uint64_t>>{{battery, 12'000'000}}
                    : std::vector<std::pair<std::uint32_t, std::uint64_t>>{});
  }
  CHECK(machine.shown.at(host("volta_energy_joules_total", "measured", "battery")) == 720'000'000);
}

TEST_CASE("a package whose counter began anew does not leave half a machine") {
  Machine machine;
  const auto first = machine.zone("package", "package-0");
  const auto second = machine.zone("package", "package-1");
  for (std::uint64_t i = 1; i <= 3; ++i)
    machine.run({{first, i * 10'000'000}, {second, 100'000'000'000 + i * 10'000'000}});
  CHECK(machine.shown.at(host("volta_power_watts", "derived", "rapl")) == 20'000);
  machine.run({{first, 40'000'000}, {second, 5}});
  CHECK(machine.shown.count(host("volta_power_watts", "derived", "rapl")) == 0);
  machine.run({{first, 50'000'000}, {second, 10'000'005}});
  CHECK(machine.shown.at(host("volta_power_watts", "derived", "rapl")) == 20'000);
}

TEST_CASE("after a night's sleep the power is that of the second after it") {
  Machine machine;
  const auto package = machine.zone("package", "package-0");
  for (std::uint64_t i = 1; i <= 3; ++i) machine.run({{package, i * 10'000'000}});
  machine.clock.suspend(seconds(30'000));
  machine.run({{package, 40'000'000}});
  machine.run({{package, 50'000'000}});
  CHECK(machine.shown.at(host("volta_power_watts", "derived", "rapl")) == 10'000);
}

TEST_CASE("a sleep between two readings of a slow sensor is not counted at full power") {
  Machine machine;
  const auto meter = machine.zone("platform", "power_meter:1", "hwmon");
  const auto energy = [&] {
    return machine.shown.at(
        R"(volta_energy_joules_total{device="power_meter:1",quality="measured",source="hwmon",zone="platform"})");
  };
  machine.run({}, {{meter, 10'000'000}});
  for (int i = 0; i < 4; ++i) machine.run({});
  machine.run({}, {{meter, 10'000'000}});
  const std::int64_t before = energy();
  CHECK(before == 50'000'000);
  machine.run({});
  machine.clock.suspend(seconds(20));
  for (int i = 0; i < 3; ++i) machine.run({});  // awake again, and not yet read
  machine.run({}, {{meter, 10'000'000}});
  CHECK(energy() == before);
  for (int i = 0; i < 4; ++i) machine.run({});
  machine.run({}, {{meter, 10'000'000}});
  CHECK(energy() == before + 50'000'000);
}

TEST_CASE("repairs are counted in series of their own, suspends and set clocks among them") {
  Machine machine;
  const auto package = machine.zone("package", "package-0");
  machine.run({{package, 262'143'000'000}});
  machine.run({{package, 1'000'000}});
  CHECK(
      machine.shown.at(
          R"(volta_energy_repairs_total{device="package-0",kind="wrap",quality="measured",source="rapl",zone="package"})") ==
      1);
  machine.clock.suspend(seconds(3600));
  machine.run({{package, 5}});
  CHECK(
      machine.shown.at(
          R"(volta_energy_repairs_total{device="package-0",kind="suspend",quality="measured",source="rapl",zone="package"})") ==
      1);
  machine.clock.set_wall_ms(machine.clock.wall_ms() - 3'600'000);
  machine.run({{package, 1'000'005}});
  CHECK(
      machine.shown.at(
          R"(volta_energy_repairs_total{device="package-0",kind="clock",quality="measured",source="rapl",zone="package"})") ==
      1);
}

TEST_CASE("volta's own energy is its part of all CPU time") {
  Machine machine;
  const auto package = machine.zone("package", "package-0");
  for (std::uint64_t i = 1; i <= 3; ++i) {
    machine.tick.load().total_ticks = i * 200;     // two cores for a second
    machine.tick.load().self_cpu_us = i * 20'000;  // 1 % of that
    machine.run({{package, i * 10'000'000}});
  }
  CHECK(machine.shown.at(R"(volta_self_energy_joules_total{quality="derived"})") == 200'000);
}

}  // namespace
}  // namespace volta
