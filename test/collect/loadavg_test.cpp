#include "collect/loadavg.hpp"

#include "collect/sources.hpp"
#include "readings.hpp"

namespace volta {
namespace {

TEST_CASE("load averages") {
  const auto load = parse_loadavg("0.20 1.5 12.34 3/456 789\n");
  REQUIRE(load);
  CHECK(load->load1 == 20);
  CHECK(load->load5 == 150);
  CHECK(load->load15 == 1234);
  CHECK(load->threads == 456);
  for (const char* bad : {"", "0.2", "0.2 0.2 0.2"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_loadavg(bad));
  }
}

TEST_CASE("a malformed field of loadavg costs its own reading alone") {
  for (const char* one : {"-1 0.2 0.3 1/2", "x 0.2 0.3 1/2", "nan 0.2 0.3 1/2", "1e300 0.2 0.3 1/2",
                          "0.1 0.2 0.3 3", "0.1 0.2 0.3 1/-2", "0.1 0.2 0.3 1/x"}) {
    CAPTURE(one);
    test::MadeHost host;
    host.write("proc/loadavg", one);
    test::Bench bench(open_loadavg, host.roots());
    const auto shown = bench.sample();
    CHECK(shown.size() == 3);
    CHECK(shown.at("volta_load5") == 20);
    CHECK(shown.at("volta_load15") == 30);
    CHECK(bench.skipped() == 1);
  }
}

TEST_CASE("a malformed loadavg is skipped and counted") {
  test::MadeHost host;
  host.write("proc/loadavg", "0.10 0.20 0.30 1/200 5\n");
  test::Bench bench(open_loadavg, host.roots());
  CHECK(bench.sample().at("volta_load5") == 20);
  CHECK(bench.sample().at("volta_threads") == 200);
  host.write("proc/loadavg", "");
  CHECK(bench.sample().empty());
  CHECK(bench.skipped() == 1);
}

}  // namespace
}  // namespace volta
