#include "collect/battery.hpp"

#include <catch2/catch.hpp>

#include "collect/host_probe.hpp"
#include "support/temp_dir.hpp"

namespace volta {
std::unique_ptr<Collector> open_battery(const HostRoots& roots, const CollectOptions& options);

namespace {

using Values = test::HostProbe::Values;

TEST_CASE("power of a battery: given, or current times voltage whatever its sign") {
  const auto check = [](BatteryFiles files, std::optional<std::int64_t> want) {
    CHECK(to_state(files).power_uw == want);
  };
  BatteryFiles files;
  check(files, std::nullopt);
  files.discharging = true;
  files.power_now = 4830000;
  check(files, 4830000);
  files.power_now = -4830000;
  check(files, 4830000);
  files.power_now = 0;  // unknown: a machine that runs draws something
  check(files, std::nullopt);
  files.power_now = -1;
  check(files, std::nullopt);
  files.voltage_now = 12000000;
  files.current_now = -500000;
  check(files, 6000000);
  files.current_now = 500000;
  check(files, 6000000);
  files.voltage_now = 0;
  check(files, std::nullopt);
  files.voltage_now = INT64_MAX;
  check(files, std::nullopt);
  files.power_now = INT64_MIN;
  check(files, std::nullopt);
  files = {};
  files.power_now = 0;  // full, on mains
  check(files, 0);
}

TEST_CASE("energy from energy or from charge, the ratio from either or from the percentage") {
  BatteryFiles files;
  files.energy_now = 25000000;
  files.energy_full = 50000000;
  files.energy_full_design = 57000000;
  BatteryState state = to_state(files);
  CHECK(state.charge_ratio == 5000);
  CHECK(state.energy == 900000000);  // 25 Wh = 90 kJ
  CHECK(state.capacity == 1800000000);
  files = {};
  files.charge_now = 2000000;
  files.charge_full = 4000000;
  files.voltage_now = 12500000;
  CHECK(to_state(files).energy == 900000000);
  files.voltage_min_design = 12000000;
  CHECK(to_state(files).energy == 864000000);
  CHECK(to_state(files).charge_ratio == 5000);
  files = {};
  files.capacity = 68;
  CHECK(to_state(files).charge_ratio == 6800);
  for (const std::int64_t odd : {-1, 101, 100000}) {
    files.capacity = odd;
    CHECK_FALSE(to_state(files).charge_ratio);
  }
  files = {};
  files.energy_now = INT64_MAX;
  files.energy_full = 1;
  CHECK_FALSE(to_state(files).energy);
  CHECK_FALSE(to_state(files).charge_ratio);
}

TEST_CASE("a laptop on its battery") {
  const auto collector = open_battery(test::recorded_host("laptop-i7"), {});
  REQUIRE(collector);
  test::HostProbe probe;
  const Values values = probe.sample(*collector);
  CHECK(values.at(R"(volta_battery_charge_ratio{battery="BAT0"})") == 0.6808);
  CHECK(values.at(R"(volta_battery_energy_joules{battery="BAT0"})") == 133056);
  CHECK(values.at(R"(volta_battery_capacity_joules{battery="BAT0"})") == 195426);
  CHECK(values.at(R"(volta_battery_design_joules{battery="BAT0"})") == 207900);
  CHECK(values.at(R"(volta_battery_power_watts{battery="BAT0"})") == 12.4992);
  CHECK(values.at(R"(volta_battery_voltage_volts{battery="BAT0"})") == 11.52);
  CHECK(values.at(R"(volta_battery_discharging{battery="BAT0"})") == 1);
  CHECK(values.at(R"(volta_battery_cycles{battery="BAT0"})") == 214);
  CHECK(values.at(R"(volta_mains_online{supply="AC"})") == 0);
  CHECK(values.count(R"(volta_battery_charge_ratio{battery="hidpp_battery_0"})") == 0);
  CHECK(probe.zone_values() ==
        std::map<std::string, std::uint64_t>{{"battery BAT0 battery", 12499200}});
  CHECK(probe.zone("BAT0")->quality == Quality::derived);
  CHECK(collector->skipped() == 0);
  CHECK(open_battery(test::recorded_host("server-2s"), {}) == nullptr);
  CHECK(open_battery(test::recorded_host("vm-2cpu"), {}) == nullptr);
}

TEST_CASE("only a battery that discharges is a zone; malformed files are skipped") {
  const test::TempDir dir;
  const std::string folder = "sys/class/power_supply/BAT1/";
  dir.write(folder + "type", "Battery\n");
  dir.write(folder + "status", "Charging\n");
  dir.write(folder + "power_now", "20000000\n");
  dir.write(folder + "capacity", "ninety\n");
  const auto collector = open_battery(test::host_in(dir.path()), {});
  REQUIRE(collector);
  test::HostProbe probe;
  Values values = probe.sample(*collector);
  CHECK(values.at(R"(volta_battery_power_watts{battery="BAT1"})") == 20);
  CHECK(values.at(R"(volta_battery_discharging{battery="BAT1"})") == 0);
  CHECK(values.count(R"(volta_battery_charge_ratio{battery="BAT1"})") == 0);
  CHECK(probe.zone_values().empty());
  CHECK(collector->skipped() == 1);
  dir.write(folder + "status", "Discharging\n");
  probe.advance(std::chrono::seconds(5));
  probe.sample(*collector);
  CHECK(probe.zone_values().at("battery BAT1 battery") == 20000000);
  CHECK(probe.zone("BAT1")->quality == Quality::measured);
  dir.write(folder + "present", "0\n");
  probe.advance(std::chrono::seconds(5));
  CHECK(probe.sample(*collector).empty());
  std::filesystem::remove_all(dir.path() / folder);
  probe.advance(std::chrono::seconds(60));
  CHECK(probe.sample(*collector).empty());
}

}  // namespace
}  // namespace volta
