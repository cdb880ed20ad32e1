#include "collect/system.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "collect/host_probe.hpp"
#include "support/temp_dir.hpp"

namespace volta {
std::unique_ptr<Collector> open_system(const HostRoots& roots, const CollectOptions& options);

namespace {

using Values = test::HostProbe::Values;

TEST_CASE("uptime is read in hundredths of a second") {
  const auto check = [](std::string_view text, std::optional<std::int64_t> want) {
    INFO(text);
    CHECK(parse_uptime(text) == want);
  };
  check("21000.52 153760.11\n", 2100052);
  check("0.00 0.00\n", 0);
  check("7 1\n", 700);
  for (const char* bad : {"", "\n", "x", "-1.00 2", "1.5 2", "1.x0 2", "1. 2", ".5 2",
                          "99999999999999999999.00 1", "1.005 2"}) {
    check(bad, std::nullopt);
  }
}

TEST_CASE("the boot time stands in /proc/stat") {
  CHECK(parse_boot_time("cpu 1 2\nbtime 1795205940\nprocesses 3\n") == 1795205940);
  CHECK(parse_boot_time("btime 0") == 0);
  for (const char* bad : {"", "btime", "btime x", "btime -5", "btime 1 2", "xbtime 5"}) {
    INFO(bad);
    CHECK_FALSE(parse_boot_time(bad));
  }
}

TEST_CASE("recorded machines") {
  const auto check = [](const char* machine, double uptime, double boot, double processes) {
    const auto collector = open_system(test::recorded_host(machine), {});
    REQUIRE(collector);
    test::HostProbe probe;
    const Values want = {{"volta_uptime_seconds", uptime},
                         {"volta_boot_time_seconds", boot},
                         {"volta_processes", processes}};
    CHECK(probe.sample(*collector) == want);
    CHECK(probe.sample(*collector) == want);  // the folder is read from its start again
  };
  check("laptop-i7", 21000.52, 1795205940, 5);
  check("server-2s", 7021000.12, 1788205940, 7);
  CHECK(open_system(test::host_in("/nonexistent"), {}) == nullptr);
}

TEST_CASE("malformed content is skipped and counted, a missing file is a failure") {
  const test::TempDir dir;
  dir.write("proc/uptime", "soon\n");
  const auto collector = open_system(test::host_in(dir.path()), {});
  test::HostProbe probe;
  CHECK_THROWS_AS(probe.sample(*collector), Failure);
  dir.write("proc/stat", "btime never\n");
  CHECK(probe.sample(*collector) == Values{{"volta_processes", 0}});
  CHECK(collector->skipped() == 3);
}

}  // namespace
}  // namespace volta
