#include "collect/cpu.hpp"

#include <algorithm>

#include "collect/rising.hpp"
#include "collect/sources.hpp"
#include "readings.hpp"

namespace volta {
namespace {

using test::Bench;
using test::MadeHost;

TEST_CASE("a cpu line is read, with guest time taken out of user and nice") {
  const auto check = [](std::string_view columns, std::optional<CpuTimes> want) {
    CAPTURE(columns);
    CHECK(parse_cpu_times(columns) == want);
  };
  check("  100 20 3 4 5 6 7 8 30 5", CpuTimes{70, 15, 3, 4, 5, 6, 7, 8, 30, 5});
  check(" 1 2 3 4", CpuTimes{1, 2, 3, 4, 0, 0, 0, 0, 0, 0});  // Linux 2.4
  check(" 1 2 3 4 5 6 7 8 9 9 9 9",
        CpuTimes{0, 0, 3, 4, 5, 6, 7, 8, 9, 9});  // columns to come; more guest than user
  check(" 1 2 3", std::nullopt);
  constexpr auto kNone = std::nullopt;
  check(" 1 2 x 4", CpuTimes{1, 2, kNone, 4, 0, 0, 0, 0, 0, 0});
  check(" 1 -2 3 4", CpuTimes{1, kNone, 3, 4, 0, 0, 0, 0, 0, 0});
  check(" 9223372036854775807 2 3 4", CpuTimes{kNone, 2, 3, 4, 0, 0, 0, 0, 0, 0});
  check(" 99999999999999999999 2 3 4", CpuTimes{kNone, 2, 3, 4, 0, 0, 0, 0, 0, 0});
  // Without guest nobody knows how much of user is not its.
  check(" 1 2 3 4 5 6 7 8 x 0", CpuTimes{kNone, 2, 3, 4, 5, 6, 7, 8, kNone, 0});
  check(" 1 2 3 4 5 6 7 8 0 x", CpuTimes{1, kNone, 3, 4, 5, 6, 7, 8, 0, kNone});
  check("", std::nullopt);
}

TEST_CASE("totals, cores and counts are shown; the load is handed on") {
  MadeHost host;
  host.write("proc/stat",
             "cpu  10 0 20 70 5 0 0 9 0 0\ncpu0 4 0 10 35 5 0 0 9 0 0\ncpu1 6 0 10 35 0 0 0 0 0 0\n"
             "intr 555 1 2 3\nctxt 777\nbtime 1\nprocesses 99\nprocs_running 2\nprocs_blocked "
             "1\nsoftirq 55 1 2 3 4 5 6 7 8 9 10\n");
  Bench bench(open_cpu, host.roots());
  const auto shown = bench.sample();
  CHECK(shown.at(R"(volta_cpu_seconds_total{mode="user"})") == 10);
  CHECK(shown.at(R"(volta_cpu_core_seconds_total{cpu="1",mode="idle"})") == 35);
  CHECK(shown.at("volta_interrupts_total") == 555);
  CHECK(shown.at("volta_context_switches_total") == 777);
  CHECK(shown.at("volta_forks_total") == 99);
  CHECK(shown.at("volta_processes_running") == 2);
  CHECK(shown.at("volta_processes_blocked") == 1);
  CHECK(shown.at("volta_cpus_online") == 2);
  CHECK(shown.at(R"(volta_softirqs_total{kind="hi"})") == 1);
  CHECK(shown.at(R"(volta_softirqs_total{kind="rcu"})") == 10);
  CHECK(bench.tick().load().total_ticks == 105);
  CHECK(bench.tick().load().busy_ticks == 30);
  CHECK(bench.tick().load().cpus == 2);
  CHECK(bench.skipped() == 0);
}

TEST_CASE("a counter never goes back, a core that goes away leaves a gap") {
  MadeHost host;
  host.write("proc/stat", "cpu  1 1 1 100 50\ncpu0 1 1 1 100 50\ncpu1 1 1 1 1 1\n");
  Bench bench(open_cpu, host.roots());
  bench.sample();
  host.write("proc/stat", "cpu  2 1 1 99 40\ncpu0 2 1 1 99 40\n");
  const auto shown = bench.sample();
  CHECK(shown.at(R"(volta_cpu_seconds_total{mode="idle"})") == 100);
  CHECK(shown.at(R"(volta_cpu_seconds_total{mode="iowait"})") == 50);
  CHECK(shown.at(R"(volta_cpu_seconds_total{mode="user"})") == 2);
  CHECK(shown.count(R"(volta_cpu_core_seconds_total{cpu="1",mode="idle"})") == 0);
}

TEST_CASE("a counter that rises: small steps back are waited out, large ones are a new beginning") {
  const auto check = [](std::vector<std::uint64_t> raw, std::vector<std::uint64_t> want) {
    Rising counter;
    std::vector<std::uint64_t> shown;
    for (const std::uint64_t value : raw) shown.push_back(counter.show(value));
    CHECK(shown == want);
  };
  check({5, 7, 7}, {5, 7, 7});
  check({100, 99, 100, 101}, {100, 100, 100, 101});
  check({100'000, 50, 60}, {100'000, 100'000, 100'010});
}

TEST_CASE("a file that names no CPU is a failure") {
  MadeHost host;
  host.write("proc/stat", "");
  Bench bench(open_cpu, host.roots());
  CHECK_THROWS(bench.sample());
}

TEST_CASE("cores are chosen") {
  MadeHost host;
  host.write("proc/stat", "cpu  1 1 1 1\ncpu0 1 1 1 1\ncpu1 1 1 1 1\n");
  CollectOptions options;
  options.cores = {1};
  Bench one(open_cpu, host.roots(), options);
  CHECK(one.sample().count(R"(volta_cpu_core_seconds_total{cpu="0",mode="idle"})") == 0);
  CHECK(one.sample().count(R"(volta_cpu_core_seconds_total{cpu="1",mode="idle"})") == 1);
  options.per_core = false;
  Bench none(open_cpu, host.roots(), options);
  CHECK(none.sample().count(R"(volta_cpu_core_seconds_total{cpu="1",mode="idle"})") == 0);
}

TEST_CASE("what is malformed is skipped and counted") {
  MadeHost host;
  host.write("proc/stat",
             "cpu  1 1 x 1\ncpu0 1 1 1 1\ncpu99999 1 1 1 1\ncpux 1 1 1 1\nctxt many\n\nintr\ncpu");
  Bench bench(open_cpu, host.roots());
  CHECK(bench.sample().size() == (kCpuModes - 1) + kCpuModes + 1);
  CHECK(bench.skipped() == 6);
  // Negative numbers without their sign.
  host.write("proc/stat", "cpu0 1 18446744073709551615 1 1\nprocs_running 18446744073709551615\n");
  CHECK(bench.sample().size() == (kCpuModes - 1) + 1);  // the core is online
  CHECK(bench.skipped() == 8);
}

TEST_CASE("a malformed mode costs its own reading, and the load of that tick") {
  MadeHost host;
  host.write("proc/stat", "cpu  10 0 20 70 5 0 0 9 0 0\ncpu0 10 0 20 70 5 0 0 9 0 0\n");
  Bench bench(open_cpu, host.roots());
  bench.sample();
  const std::uint64_t total = bench.tick().load().total_ticks;
  host.write("proc/stat", "cpu  11 0 21 ? 5 0 0 9 0 0\ncpu0 11 0 21 71 5 0 0 9 0 0\n");
  const auto shown = bench.sample();
  CHECK(shown.at(R"(volta_cpu_seconds_total{mode="user"})") == 11);
  CHECK(shown.count(R"(volta_cpu_seconds_total{mode="idle"})") == 0);
  CHECK(shown.at(R"(volta_cpu_core_seconds_total{cpu="0",mode="idle"})") == 71);
  CHECK(bench.skipped() == 1);
  CHECK(bench.tick().load().total_ticks == total);
  host.write("proc/stat", "cpu  12 0 22 72 5 0 0 x 0 0\ncpu0 12 0 22 72 5 0 0 9 0 0\n");
  bench.sample();
  CHECK(bench.tick().load().total_ticks == total + 6);  // steal is no part of it
}

TEST_CASE("a malformed softirq costs its own reading alone") {
  const auto check = [](const std::string& counts, std::size_t readings, std::uint64_t skipped) {
    CAPTURE(counts);
    MadeHost host;
    host.write("proc/stat", "cpu0 1 1 1 1\nsoftirq" + counts + "\n");
    Bench bench(open_cpu, host.roots());
    const auto shown = bench.sample();
    const auto kinds = std::count_if(shown.begin(), shown.end(), [](const auto& reading) {
      return reading.first.starts_with("volta_softirqs_total");
    });
    CHECK(static_cast<std::size_t>(kinds) == readings);
    CHECK(bench.skipped() == skipped);
  };
  check(" 55 1 2 3 4 5 6 7 8 9 10", 10, 0);
  check(" ? 1 2 3 4 5 6 7 8 9 10", 10, 0);  // the sum is not shown
  check(" 55 x 2 3 4 5 6 7 8 9 10", 9, 1);
  check(" 55 1 2 -3 4 5 6 7 8 9 18446744073709551615", 8, 2);
  check(" 55 1 2 3", 3, 1);
  check("", 0, 1);
}

TEST_CASE("without /proc/stat there is no such source, and one that vanishes is a failure") {
  MadeHost host;
  CHECK_FALSE(Bench(open_cpu, host.roots()).found());
  host.write("proc/stat", "cpu  1 1 1 1\n");
  Bench bench(open_cpu, host.roots());
  std::filesystem::remove(host.dir.path() / "proc/stat");
  CHECK_THROWS(bench.sample());
}

}  // namespace
}  // namespace volta
