#include "collect/pressure.hpp"

#include "collect/sources.hpp"
#include "readings.hpp"

namespace volta {
namespace {

TEST_CASE("totals of stalled time") {
  const auto check = [](std::string_view text, std::optional<std::uint64_t> some,
                        std::optional<std::uint64_t> full) {
    CAPTURE(text);
    CHECK(parse_pressure(text).some_us == some);
    CHECK(parse_pressure(text).full_us == full);
  };
  check(
      "some avg10=0.00 avg60=0.00 avg300=0.00 total=14036781\nfull avg10=0.00 avg60=0.00 "
      "avg300=0.00 total=7\n",
      14036781, 7);
  check("full avg10=0.00 avg60=0.00 avg300=0.00 total=8494\n", std::nullopt, 8494);
  check("some total=-1\n", std::nullopt, std::nullopt);
  check("some total=", std::nullopt, std::nullopt);
  check("", std::nullopt, std::nullopt);
  check("total=5", std::nullopt, std::nullopt);
}

TEST_CASE("resources that are there are shown, cpu without its meaningless full") {
  test::MadeHost host;
  CHECK_FALSE(test::Bench(open_pressure, host.roots()).found());
  host.write("proc/pressure/cpu", "some total=5\nfull total=0\n");
  host.write("proc/pressure/irq", "full total=9\n");
  test::Bench bench(open_pressure, host.roots());
  const auto shown = bench.sample();
  CHECK(shown.size() == 2);
  CHECK(shown.at(R"(volta_pressure_seconds_total{kind="some",resource="cpu"})") == 5);
  CHECK(shown.at(R"(volta_pressure_seconds_total{kind="full",resource="irq"})") == 9);
  CHECK(bench.skipped() == 0);
}

TEST_CASE("a malformed total costs its own reading alone") {
  struct Case {
    const char* text;
    std::size_t readings;
    std::uint64_t skipped;
  };
  for (const Case& one : {Case{"some total=1\nfull total=2\n", 2, 0},
                          {"some total=x\nfull total=2\n", 1, 1},
                          {"some total=1\nfull avg10=0.00\n", 1, 1},
                          {"some total=-1\nfull total=18446744073709551615\n", 0, 2},
                          {"most total=1\n", 0, 1},
                          {"", 0, 1}}) {
    CAPTURE(one.text);
    test::MadeHost host;
    host.write("proc/pressure/io", one.text);
    test::Bench bench(open_pressure, host.roots());
    CHECK(bench.sample().size() == one.readings);
    CHECK(bench.skipped() == one.skipped);
  }
}

}  // namespace
}  // namespace volta
