#include "prom/exposition.hpp"

#include <limits>

#include <catch2/catch.hpp>

namespace volta {
namespace {

std::vector<MetricFamily> sample_families() {
  MetricFamily energy{
      "volta_energy_joules_total", Kind::counter, "joules", "Energy \"used\"\nby \\zone", {}};
  energy.samples = {{{{"zone", "a\"b\\c\n"}}, 1.5}, {{{"zone", "b"}}, 1e21}};
  MetricFamily load{
      "volta_load1", Kind::gauge, "", "Load", {{{}, std::numeric_limits<double>::quiet_NaN()}}};
  MetricFamily more{
      "volta_energy_joules_total", Kind::counter, "joules", "again", {{{{"zone", "c"}}, 0}}};
  MetricFamily empty{"volta_nothing", Kind::gauge, "", "Nothing", {}};
  return {energy, load, more, empty};
}

TEST_CASE("text 0.0.4") {
  CHECK(PrometheusExposition().render(ExpositionFormat::text_0_0_4, sample_families()) ==
        "# HELP volta_energy_joules_total Energy \"used\"\\nby \\\\zone\n"
        "# TYPE volta_energy_joules_total counter\n"
        "volta_energy_joules_total{zone=\"a\\\"b\\\\c\\n\"} 1.5\n"
        "volta_energy_joules_total{zone=\"b\"} 1e+21\n"
        "volta_energy_joules_total{zone=\"c\"} 0\n"
        "# HELP volta_load1 Load\n# TYPE volta_load1 gauge\nvolta_load1 NaN\n");
}

TEST_CASE("OpenMetrics 1.0") {
  CHECK(PrometheusExposition().render(ExpositionFormat::open_metrics_1_0, sample_families()) ==
        "# TYPE volta_energy_joules counter\n# UNIT volta_energy_joules joules\n"
        "# HELP volta_energy_joules Energy \\\"used\\\"\\nby \\\\zone\n"
        "volta_energy_joules_total{zone=\"a\\\"b\\\\c\\n\"} 1.5\n"
        "volta_energy_joules_total{zone=\"b\"} 1e+21\n"
        "volta_energy_joules_total{zone=\"c\"} 0\n"
        "# TYPE volta_load1 gauge\n# HELP volta_load1 Load\nvolta_load1 NaN\n# EOF\n");
}

TEST_CASE("the format is negotiated by weight") {
  const auto check = [](std::string_view accept, ExpositionFormat want) {
    CAPTURE(accept);
    CHECK(PrometheusExposition().negotiate(accept) == want);
  };
  check("", ExpositionFormat::text_0_0_4);
  check("*/*", ExpositionFormat::text_0_0_4);
  check("application/openmetrics-text", ExpositionFormat::open_metrics_1_0);
  check("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
        ExpositionFormat::open_metrics_1_0);
  check("application/openmetrics-text;version=1.0.0;q=0.2, text/plain;version=0.0.4;q=0.3",
        ExpositionFormat::text_0_0_4);
  check("application/openmetrics-text;version=0.0.1;q=0.9", ExpositionFormat::text_0_0_4);
  check("application/openmetrics-text;q=0", ExpositionFormat::text_0_0_4);
  check("application/openmetrics-text;q=x;;;,", ExpositionFormat::text_0_0_4);
}

}  // namespace
}  // namespace volta
