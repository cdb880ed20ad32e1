#include <catch2/catch.hpp>

#include "collect/host_probe.hpp"
#include "support/temp_dir.hpp"

namespace volta {
std::unique_ptr<Collector> open_thermal(const HostRoots& roots, const CollectOptions& options);

namespace {

using Values = test::HostProbe::Values;

TEST_CASE("thermal zones: absurd values are left out, equal ones are told apart") {
  const auto laptop = open_thermal(test::recorded_host("laptop-i7"), {});
  REQUIRE(laptop);
  test::HostProbe probe;
  const Values values = probe.sample(*laptop);
  CHECK(values.size() == 5);
  CHECK(values.at(R"(volta_temperature_celsius{chip="thermal",sensor="x86_pkg_temp"})") == 52);
  CHECK(values.at(R"(volta_temperature_celsius{chip="thermal",sensor="TCPU"})") == 51.05);
  CHECK(values.count(R"(volta_temperature_celsius{chip="thermal",sensor="B0D4"})") == 0);

  const auto server = open_thermal(test::recorded_host("server-2s"), {});
  test::HostProbe other;
  const Values want = {
      {R"j(volta_temperature_celsius{chip="thermal",sensor="x86_pkg_temp (thermal_zone0)"})j", 58},
      {R"j(volta_temperature_celsius{chip="thermal",sensor="x86_pkg_temp (thermal_zone1)"})j", 61}};
  CHECK(other.sample(*server) == want);
  CHECK(open_thermal(test::recorded_host("vm-2cpu"), {}) == nullptr);
}

TEST_CASE("zones without a usable number are skipped") {
  const test::TempDir dir;
  const auto zone = [&](const std::string& number, const std::string& temp) {
    dir.write("sys/class/thermal/thermal_zone" + number + "/type", "t" + number);
    dir.write("sys/class/thermal/thermal_zone" + number + "/temp", temp);
  };
  zone("0", "0\n");
  zone("1", "200001\n");
  zone("2", "x\n");
  zone("3", "-5000\n");
  dir.write("sys/class/thermal/thermal_zone4/temp", "7000");  // no type
  const auto collector = open_thermal(test::host_in(dir.path()), {});
  test::HostProbe probe;
  const Values want = {{R"(volta_temperature_celsius{chip="thermal",sensor="t3"})", -5},
                       {R"(volta_temperature_celsius{chip="thermal",sensor="thermal_zone4"})", 7}};
  CHECK(probe.sample(*collector) == want);
  CHECK(collector->skipped() == 1);
}

}  // namespace
}  // namespace volta
