#include "collect/sources.hpp"
#include "readings.hpp"

namespace volta {
namespace {

TEST_CASE("each core shows its policy's clock") {
  test::MadeHost host;
  CHECK_FALSE(test::Bench(open_cpu_frequency, host.roots()).found());
  const std::string base = "sys/devices/system/cpu/cpufreq/";
  host.write(base + "policy0/affected_cpus", "0 1\n");
  host.write(base + "policy0/scaling_cur_freq", "2400000\n");
  host.write(base + "policy2/affected_cpus", "2\n");
  host.write(base + "policy2/scaling_cur_freq", "800000\n");
  host.write(base + "policy2/cpuinfo_avg_freq", "900000\n");
  host.write(base + "policy3/affected_cpus", "\n");
  host.write(base + "policy3/scaling_cur_freq", "1\n");
  test::Bench bench(open_cpu_frequency, host.roots());
  auto shown = bench.sample();
  CHECK(shown.size() == 3);
  CHECK(shown.at(R"(volta_cpu_frequency_hertz{cpu="1"})") == 2400000);
  CHECK(shown.at(R"(volta_cpu_frequency_hertz{cpu="2"})") == 900000);
  host.write(base + "policy0/scaling_cur_freq", "<unknown>\n");
  shown = bench.sample();
  CHECK(shown.size() == 1);
  CHECK(bench.skipped() == 1);
  CollectOptions options;
  options.cores = {1};
  host.write(base + "policy0/scaling_cur_freq", "5\n");
  CHECK(test::Bench(open_cpu_frequency, host.roots(), options).sample().size() == 1);
}

TEST_CASE("a clock that is no number at first is counted, and shown once it is one") {
  test::MadeHost host;
  const std::string base = "sys/devices/system/cpu/cpufreq/";
  host.write(base + "policy0/affected_cpus", "0\n");
  host.write(base + "policy0/scaling_cur_freq", "<unknown>\n");
  test::Bench bench(open_cpu_frequency, host.roots());
  REQUIRE(bench.found());
  CHECK(bench.sample().empty());
  CHECK(bench.skipped() == 1);
  host.write(base + "policy0/scaling_cur_freq", "2400000\n");
  CHECK(bench.sample().size() == 1);
}

}  // namespace
}  // namespace volta
