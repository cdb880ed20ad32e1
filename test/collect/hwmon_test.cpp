#include "collect/hwmon.hpp"

#include <catch2/catch.hpp>

#include "collect/host_probe.hpp"
#include "support/temp_dir.hpp"

namespace volta {
std::unique_ptr<Collector> open_hwmon(const HostRoots& roots, const CollectOptions& options);

namespace {

namespace fs = std::filesystem;
using Values = test::HostProbe::Values;

TEST_CASE("names of hwmon files have a type, a number and an attribute") {
  const auto check = [](std::string_view name, std::string_view type, std::uint32_t number,
                        std::string_view attribute) {
    INFO(name);
    const auto file = parse_hwmon_file(name);
    REQUIRE(file.has_value() == !type.empty());
    if (!file) return;
    CHECK(file->type == type);
    CHECK(file->number == number);
    CHECK(file->attribute == attribute);
  };
  check("temp1_input", "temp", 1, "input");
  check("in0_input", "in", 0, "input");
  check("power12_average_interval", "power", 12, "average_interval");
  for (const char* other : {"", "name", "uevent", "1_input", "temp_input", "temp1", "temp1_",
                            "temp1x_input", "temp99999999999_input", "device_2"}) {
    check(other, "", 0, "");
  }
}

TEST_CASE("a device's stable name does not count instances") {
  const auto check = [](const char* path, const char* want) {
    INFO(path);
    CHECK(stable_device_name(path) == want);
  };
  check("/sys/devices/platform/coretemp.1", "coretemp.1");
  check("/sys/devices/pci0000:00/0000:04:00.0/nvme/nvme0", "0000:04:00.0");
  check("/sys/devices/pci0000:00/0000:04:00.0/ieee80211/phy0", "phy0");
  check("/sys/devices/pci0000:00/0000:00:1f.4/i2c-0/0-0040", "0-0040");
  check("/sys/devices/x/power_supply/BAT0", "BAT0");
  check("/", "");
}

TEST_CASE("which zone a power channel is follows the driver") {
  const auto check = [](const char* chip, const char* label, const char* want) {
    INFO(chip << " " << label);
    CHECK(hwmon_zone(chip, label) == want);
  };
  check("power_meter", "System Power", "platform");
  check("power_meter", "Module Power Socket 0", "platform");
  check("power_meter", "CPU Power Socket 0", "rail");
  check("power_meter", "Grace Power Socket 1", "rail");
  check("power_meter", "SysIO Power Socket 0", "rail");
  check("ibmpowernv", "System", "platform");
  check("ibmpowernv", "Chip 0 Vdd", "rail");
  check("corsairpsu", "power total", "psu");
  check("corsairpsu", "power +12v", "rail");
  check("ina226", "power1", "rail");
  check("amdgpu", "PPT", "");
}

TEST_CASE("a laptop's sensors") {
  const auto collector = open_hwmon(test::recorded_host("laptop-i7"), {});
  REQUIRE(collector);
  test::HostProbe probe;
  const Values values = probe.sample(*collector);
  CHECK(values.at(R"(volta_temperature_celsius{chip="coretemp",sensor="Package id 0"})") == 52);
  CHECK(values.at(R"(volta_temperature_celsius{chip="nvme",sensor="Composite"})") == 38.85);
  CHECK(values.at(R"(volta_fan_speed_rpm{chip="thinkpad",sensor="fan1"})") == 2650);
  CHECK(values.at(R"(volta_voltage_volts{chip="BAT0",sensor="in0"})") == 11.52);
  CHECK(values.count(R"(volta_temperature_celsius{chip="thinkpad",sensor="temp3"})") == 0);
  CHECK(values.count(R"(volta_temperature_celsius{chip="thinkpad",sensor="temp4"})") == 0);
  CHECK(collector->skipped() == 1);  // the empty one; -128 degC is a sensor that is not there
  CHECK(probe.zone_values().empty());
}

TEST_CASE("a server's sensors: equal chips by device, power only where the driver gives it") {
  const auto collector = open_hwmon(test::recorded_host("server-2s"), {});
  REQUIRE(collector);
  test::HostProbe probe;
  const Values values = probe.sample(*collector);
  CHECK(
      values.at(R"(volta_temperature_celsius{chip="coretemp-coretemp.1",sensor="Package id 1"})") ==
      61);
  CHECK(values.at(R"(volta_temperature_celsius{chip="nvme-0000:12:00.0",sensor="Composite"})") ==
        42.85);
  CHECK(values.at(R"(volta_voltage_volts{chip="nct6798",sensor="AVCC"})") == 3.392);
  CHECK(values.at(R"(volta_fan_speed_rpm{chip="nct6798",sensor="fan3"})") == 0);
  CHECK(values.count(R"(volta_temperature_celsius{chip="nct6798",sensor="AUXTIN1"})") == 0);
  CHECK(probe.zone_values() == std::map<std::string, std::uint64_t>{
                                   {"platform power_meter:System Power hwmon", 612000000},
                                   {"platform ibmaem:System energy hwmon", 90233411233412},
                                   {"rail ina226:power1 hwmon", 171500000}});
  for (const ZoneReading& reading : probe.tick().zone_readings()) {
    const bool energy = probe.tick().zones()[reading.zone].device == "ibmaem:System energy";
    CHECK((reading.what == ZoneReading::What::energy_uj) == energy);
  }
  CHECK(open_hwmon(test::recorded_host("vm-2cpu"), {}) == nullptr);
}

TEST_CASE("names stay when chips are numbered otherwise") {
  const auto names = [](const test::TempDir& dir) {
    std::vector<std::string> chips;
    for (const ChipSpec& chip : find_hwmon_chips(test::host_in(dir.path()))) {
      chips.push_back(chip.chip);
    }
    return chips;
  };
  const auto chip = [](const test::TempDir& dir, int number, const std::string& device) {
    const std::string folder = "sys/class/hwmon/hwmon" + std::to_string(number);
    dir.write(folder + "/name", "coretemp\n");
    dir.write(folder + "/temp1_input", "40000\n");
    fs::create_directories(dir.path() / "sys/devices/platform" / device);
    fs::create_directory_symlink("../../../devices/platform/" + device,
                                 dir.path() / folder / "device");
  };
  const test::TempDir one;
  chip(one, 0, "coretemp.0");
  chip(one, 1, "coretemp.1");
  const test::TempDir other;
  chip(other, 3, "coretemp.1");
  chip(other, 11, "coretemp.0");
  CHECK(names(one) == std::vector<std::string>{"coretemp-coretemp.0", "coretemp-coretemp.1"});
  CHECK(names(other) == names(one));
}

TEST_CASE("hostile and odd content is skipped") {
  const test::TempDir dir;
  const std::string chip = "sys/class/hwmon/hwmon0/";
  dir.write(chip + "name", "odd\n");
  dir.write(chip + "temp1_input", "hot\n");
  dir.write(chip + "temp2_input", "99999999999999999999\n");
  dir.write(chip + "temp3_input", "-40000\n");
  dir.write(chip + "temp3_label", "\xff\xfe");
  dir.write(chip + "temp4_input", "41000\n");
  dir.write(chip + "temp4_label", "same\n");
  dir.write(chip + "temp5_input", "42000\n");
  dir.write(chip + "temp5_label", "same\n");
  dir.write(chip + "fan1_input", "-3\n");
  dir.write(chip + "power1_input", "-1\n");
  fs::create_directories(dir.path() / chip / "temp6_input");
  dir.write("sys/class/hwmon/hwmon1/name", "");
  dir.write("sys/class/hwmon/hwmon1/temp1_input", "1\n");
  const auto collector = open_hwmon(test::host_in(dir.path()), {});
  REQUIRE(collector);
  test::HostProbe probe;
  const Values want = {{R"(volta_temperature_celsius{chip="odd",sensor="temp3"})", -40},
                       {R"(volta_temperature_celsius{chip="odd",sensor="same"})", 41},
                       {R"j(volta_temperature_celsius{chip="odd",sensor="same (temp5)"})j", 42}};
  CHECK(probe.sample(*collector) == want);
  CHECK(probe.zone_values().empty());
  CHECK(collector->skipped() == 4);
}

TEST_CASE("a chip that goes leaves a gap, and a new one is found") {
  const test::TempDir dir;
  dir.write("sys/class/hwmon/hwmon0/name", "a\n");
  dir.write("sys/class/hwmon/hwmon0/temp1_input", "41000\n");
  const auto collector = open_hwmon(test::host_in(dir.path()), {});
  test::HostProbe probe;
  CHECK(probe.sample(*collector).size() == 1);
  dir.write("sys/class/hwmon/hwmon1/name", "b\n");
  dir.write("sys/class/hwmon/hwmon1/temp1_input", "42000\n");
  fs::remove_all(dir.path() / "sys/class/hwmon/hwmon0");
  probe.advance(std::chrono::seconds(60));
  const Values want = {{R"(volta_temperature_celsius{chip="b",sensor="temp1"})", 42}};
  CHECK(probe.sample(*collector) == want);
}

TEST_CASE("a sleeping GPU is not woken") {
  const test::TempDir dir;
  dir.write("sys/class/hwmon/hwmon0/name", "amdgpu\n");
  dir.write("sys/class/hwmon/hwmon0/temp1_input", "41000\n");
  dir.write("sys/class/hwmon/hwmon0/power1_average", "9000000\n");
  dir.write("sys/class/hwmon/hwmon0/device/power/runtime_status", "suspended\n");
  const auto collector = open_hwmon(test::host_in(dir.path()), {});
  test::HostProbe probe;
  CHECK(probe.sample(*collector).empty());
  dir.write("sys/class/hwmon/hwmon0/device/power/runtime_status", "active\n");
  CHECK(probe.sample(*collector).size() == 1);
  CHECK(probe.zone_values().empty());
}

}  // namespace
}  // namespace volta
