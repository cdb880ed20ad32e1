#include "collect/powercap.hpp"

#include <set>

#include <catch2/catch.hpp>
#include <glob.h>

#include "collect/host_probe.hpp"
#include "support/fixtures.hpp"
#include "support/root.hpp"
#include "support/temp_dir.hpp"

namespace volta {
std::unique_ptr<Collector> open_powercap(const HostRoots& roots, const CollectOptions& options);

namespace {

namespace fs = std::filesystem;

TEST_CASE("names of zones are hexadecimal and of any depth") {
  const auto check = [](std::string_view name, std::string_view controller, std::string_view ids) {
    INFO(name);
    const auto parsed = parse_powercap_name(name);
    REQUIRE(parsed.has_value() == !controller.empty());
    if (!parsed) return;
    CHECK(parsed->controller == controller);
    CHECK(parsed->ids == ids);
  };
  check("intel-rapl:0", "intel-rapl", ":0");
  check("intel-rapl:a", "intel-rapl", ":a");
  check("intel-rapl:1f:0:b", "intel-rapl", ":1f:0:b");
  check("intel-rapl-mmio:0:2", "intel-rapl-mmio", ":0:2");
  for (const char* other : {"", "intel-rapl", "intel-rapl-mmio", "intel-rapl:", "intel-rapl::0",
                            "intel-rapl:0:", "intel-rapl:A", "intel-rapl:g", "intel-rapl:0 ",
                            "dtpm:0", "idle_inject", "intel-rapl-tpmi:0", ":0", "xintel-rapl:0"}) {
    check(other, "", "");
  }
  CHECK(parse_powercap_name("intel-rapl:0")->top_level());
  CHECK_FALSE(parse_powercap_name("intel-rapl:0:0")->top_level());
}

TEST_CASE("a laptop: psys beside the package, the MMIO copy dropped") {
  const HostRoots roots = test::recorded_host("laptop-i7");
  const auto collector = open_powercap(roots, {});
  REQUIRE(collector);
  test::HostProbe probe;
  const auto values = probe.sample(*collector);
  CHECK(probe.zone_values() ==
        std::map<std::string, std::uint64_t>{{"package package-0 rapl", 262100000000},
                                             {"core package-0/core rapl", 40112333120},
                                             {"uncore package-0/uncore rapl", 1920334002},
                                             {"dram package-0/dram rapl", 20933411200},
                                             {"psys psys rapl", 90233411233}});
  CHECK(values.size() == 5);
  CHECK(values.at(R"(volta_energy_readable{device="package-0/core",source="rapl",zone="core"})") ==
        1);
  const ZoneInfo* package = probe.zone("package-0");
  REQUIRE(package);
  CHECK(package->range_uj == 262143328850);
  CHECK(package->limit_w == 28);
  CHECK(package->quality == Quality::measured);
  CHECK(probe.zone("psys")->limit_w == 0);
  for (const ZoneReading& reading : probe.tick().zone_readings()) {
    CHECK(reading.what == ZoneReading::What::energy_uj);
    CHECK(reading.at.count() > 0);
  }
}

TEST_CASE("a server: dies, hexadecimal ids, dram under the package that it belongs to") {
  const auto zones = find_powercap_zones(test::recorded_host("server-2s"));
  std::map<std::string, PowercapZone> by_device;
  for (const PowercapZone& zone : zones) by_device[zone.info.device] = zone;
  CHECK(zones.size() == 15);
  CHECK(by_device.size() == zones.size());
  CHECK(by_device.at("package-1-die-4").folder.ends_with("/intel-rapl:a"));
  CHECK(by_device.at("package-1-die-4/dram").folder.ends_with("/intel-rapl:a:0"));
  CHECK(by_device.at("package-1-die-4/dram").info.range_uj == 65712999613);
  CHECK(by_device.at("package-0-die-0").info.zone == "package");
  CHECK(by_device.at("package-0-die-0").max_power_w == 70);
  CHECK(by_device.at("psys").info.zone == "psys");
  CHECK(by_device.at("psys").info.range_uj == 4294967295000000);
}

TEST_CASE("a machine without powercap has no such collector") {
  CHECK_FALSE(open_powercap(test::recorded_host("vm-2cpu"), {}));
  CHECK(energy_access(test::recorded_host("vm-2cpu")).command.empty());
  const test::TempDir dir;
  dir.write("sys/class/powercap/intel-rapl/enabled", "1\n");
  dir.write("sys/class/powercap/dtpm:0/name", "package-0\n");
  CHECK_FALSE(open_powercap(test::host_in(dir.path()), {}));
}

TEST_CASE("counters are given as they are, wrapped or not") {
  const test::TempDir dir;
  fs::create_directories(dir.path() / "sys/class");
  const fs::path laptop = test::fixtures() / "host/laptop-i7";
  fs::copy(laptop / "sys/class/powercap", dir.path() / "sys/class/powercap",
           fs::copy_options::recursive);
  const auto collector = open_powercap(test::host_in(dir.path()), {});
  REQUIRE(collector);
  test::HostProbe probe;
  probe.sample(*collector);
  dir.write("sys/class/powercap/intel-rapl:0/energy_uj", "156671150\n");
  probe.advance(std::chrono::seconds(10));
  probe.sample(*collector);
  CHECK(probe.zone_values().at("package package-0 rapl") == 156671150);
}

TEST_CASE("MMIO counts where it is alone; AMD's core is one core") {
  const test::TempDir dir;
  dir.write("sys/class/powercap/intel-rapl:0/name", "package-0\n");
  dir.write("sys/class/powercap/intel-rapl:0/energy_uj", "1\n");
  dir.write("sys/class/powercap/intel-rapl:0:0/name", "core\n");
  dir.write("sys/class/powercap/intel-rapl:0:0/energy_uj", "2\n");
  dir.write("sys/class/powercap/intel-rapl-mmio:0/name", "package-1\n");
  dir.write("sys/class/powercap/intel-rapl-mmio:0/energy_uj", "3\n");
  dir.write("proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\n");
  const auto collector = open_powercap(test::host_in(dir.path()), {});
  test::HostProbe probe;
  probe.sample(*collector);
  CHECK(probe.zone_values() ==
        std::map<std::string, std::uint64_t>{{"package package-0 rapl", 1},
                                             {"core package-0/core-0-lead rapl", 2},
                                             {"package package-1 rapl-mmio", 3}});
}

TEST_CASE("malformed and orphaned zones are skipped") {
  const test::TempDir dir;
  const auto zone = [&](const std::string& name, const std::string& label, const char* energy) {
    dir.write("sys/class/powercap/" + name + "/name", label);
    dir.write("sys/class/powercap/" + name + "/energy_uj", energy);
  };
  zone("intel-rapl:0", "package-0", "12x\n");
  zone("intel-rapl:1", "package-1", "-5\n");
  zone("intel-rapl:2", "package-2", "");
  zone("intel-rapl:3", "package-0", "99\n");  // a name twice is one counter twice
  zone("intel-rapl:4:0", "dram", "1\n");      // no such package
  zone("intel-rapl:5", "", "1\n");
  zone("intel-rapl:6", "surprise", "1\n");
  zone("intel-rapl:7", "package-7", "18446744073709551615\n");
  dir.write("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "many\n");
  const auto collector = open_powercap(test::host_in(dir.path()), {});
  REQUIRE(collector);
  test::HostProbe probe;
  probe.sample(*collector);
  CHECK(probe.zone_values().empty());
  CHECK(collector->skipped() == 4);
  CHECK(probe.zone("package-0")->range_uj == 0);
  CHECK(find_powercap_zones(test::host_in(dir.path())).size() == 4);
}

TEST_CASE("zones that vanish leave gaps, and come back when they come back") {
  const test::TempDir dir;
  dir.write("sys/class/powercap/intel-rapl:0/name", "package-0\n");
  dir.write("sys/class/powercap/intel-rapl:0/energy_uj", "1\n");
  const auto collector = open_powercap(test::host_in(dir.path()), {});
  test::HostProbe probe;
  probe.sample(*collector);
  REQUIRE(probe.zone_values().size() == 1);
  // Another zone is found at the next look, not earlier than 60 s.
  dir.write("sys/class/powercap/intel-rapl:1/name", "package-1\n");
  dir.write("sys/class/powercap/intel-rapl:1/energy_uj", "2\n");
  probe.advance(std::chrono::seconds(59));
  probe.sample(*collector);
  CHECK(probe.zone_values().size() == 1);
  probe.advance(std::chrono::seconds(1));
  probe.sample(*collector);
  CHECK(probe.zone_values().size() == 2);
  // Gone.
  fs::remove_all(dir.path() / "sys/class/powercap/intel-rapl:0");
  probe.advance(std::chrono::seconds(60));
  probe.sample(*collector);
  CHECK(probe.zone_values() == std::map<std::string, std::uint64_t>{{"package package-1 rapl", 2}});
}

std::set<std::string> expand(const std::string& pattern) {
  glob_t found{};
  std::set<std::string> paths;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.insert(found.gl_pathv[i]);
  }
  ::globfree(&found);
  return paths;
}

TEST_CASE("the command that mends permissions names every unreadable counter") {
  if (test::skipped_if(test::is_root(), "root may read everything")) return;
  const test::TempDir dir;
  fs::create_directories(dir.path() / "sys/class");
  const fs::path server = test::fixtures() / "host/server-2s";
  fs::copy(server / "sys/class/powercap", dir.path() / "sys/class/powercap",
           fs::copy_options::recursive);
  const HostRoots roots = test::host_in(dir.path());
  CHECK(energy_access(roots).command.empty());
  for (const PowercapZone& zone : find_powercap_zones(roots)) {
    fs::permissions(zone.folder + "/energy_uj", fs::perms::none);
  }
  const auto collector = open_powercap(roots, {});
  test::HostProbe probe;
  const auto values = probe.sample(*collector);
  CHECK(probe.zone_values().empty());
  CHECK(values.size() == 15);
  for (const auto& [name, value] : values) CHECK(value == 0);
  CHECK(collector->skipped() == 0);

  const EnergyAccess access = energy_access(roots);
  CHECK(access.unreadable.size() == 15);
  const std::string start = "sudo chmod a+r ";
  REQUIRE(access.command.starts_with(start));
  const auto mended = expand(access.command.substr(start.size()));
  for (const std::string& path : access.unreadable) CHECK(mended.count(path) == 1);

  // Without sudo here, since the files are ours: after it the next tick has the energy.
  REQUIRE(std::system(access.command.substr(5).c_str()) == 0);
  probe.advance(std::chrono::seconds(1));
  probe.sample(*collector);
  CHECK(probe.zone_values().size() == 15);
  CHECK(energy_access(roots).command.empty());
}

TEST_CASE("the command's pattern covers zones within zones") {
  const fs::path folder = test::recorded_host("server-2s").sys / "class/powercap";
  const auto found = expand(folder.string() + "/intel-rapl:*/energy_uj");
  CHECK(found.size() == 15);
  CHECK(found.count((folder / "intel-rapl:a:0/energy_uj").string()) == 1);
}

}  // namespace
}  // namespace volta
