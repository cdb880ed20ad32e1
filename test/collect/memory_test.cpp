#include "collect/sources.hpp"
#include "readings.hpp"

namespace volta {
namespace {

TEST_CASE("memory is in bytes, used is total without available") {
  test::MadeHost host;
  host.write("proc/meminfo",
             "MemTotal:       1000 kB\nMemFree:         200 kB\nMemAvailable:    600 "
             "kB\nSwapTotal:        50 kB\nSwapFree:         20 kB\nDirectMap4k: 5 kB\n");
  test::Bench bench(open_memory, host.roots());
  const auto shown = bench.sample();
  CHECK(shown.at("volta_memory_total_bytes") == 1024000);
  CHECK(shown.at("volta_memory_used_bytes") == 400 * 1024);
  CHECK(shown.at("volta_swap_used_bytes") == 30 * 1024);
  CHECK(shown.size() == 7);
  CHECK(bench.tick().load().memory_bytes == 1024000);
}

TEST_CASE("lines may come, go and change places") {
  test::MadeHost host;
  host.write("proc/meminfo", "MemTotal: 10 kB\nMemFree: 1 kB\nMemAvailable: 4 kB\n");
  test::Bench bench(open_memory, host.roots());
  bench.sample();
  host.write("proc/meminfo", "New: 1 kB\nMemFree: 2 kB\nMemTotal: 10 kB\n");
  const auto shown = bench.sample();
  CHECK(shown.at("volta_memory_free_bytes") == 2048);
  CHECK(shown.at("volta_memory_total_bytes") == 10240);
  CHECK(shown.count("volta_memory_used_bytes") == 0);
}

TEST_CASE("malformed lines are skipped and counted") {
  test::MadeHost host;
  host.write("proc/meminfo",
             "MemTotal: -5 kB\nMemFree:\nMemAvailable: 99999999999999999999 kB\nCached: "
             "18446744073709551615 kB\nBuffers: 3 kB");
  test::Bench bench(open_memory, host.roots());
  CHECK(bench.sample().size() == 1);
  CHECK(bench.skipped() == 4);
  // More bytes than there can be; less than nothing used.
  host.write("proc/meminfo",
             "MemTotal: 5 kB\nMemAvailable: 6 kB\nCached: 9223372036854775807 kB\n");
  CHECK(bench.sample().size() == 2);
  CHECK(bench.skipped() == 6);
}

TEST_CASE("a file without any known line is a failure") {
  test::MadeHost host;
  for (const char* content : {"", "\n\n", "zzz", "MemTotal"}) {
    CAPTURE(content);
    host.write("proc/meminfo", content);
    test::Bench bench(open_memory, host.roots());
    CHECK_THROWS(bench.sample());
  }
}

}  // namespace
}  // namespace volta
