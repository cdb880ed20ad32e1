#include "prom/openmetrics_parser.hpp"

#include <catch2/catch.hpp>

#include "prom/exposition.hpp"
#include "scrape_log.hpp"

namespace volta {
namespace {

std::string read_open(std::string_view body, const ScrapeLimits& limits = {}) {
  SeriesTexts texts;
  std::string first;
  for (int round = 0; round < 3; ++round) {
    ScrapeLog log;
    const auto totals = parse_openmetrics(body, limits, texts, log);
    std::string text = totals ? log.text : totals.error().text;
    if (totals && totals->exemplars > 0) {
      text += "exemplars " + std::to_string(totals->exemplars) + "\n";
    }
    if (round == 0) first = text;
    CHECK(text == first);
  }
  return first;
}

TEST_CASE("OpenMetrics text is read") {
  const auto check = [](std::string_view body, std::string_view want) {
    CAPTURE(body);
    CHECK(read_open(body) == want);
  };
  check("# EOF\n", "");
  check("# EOF", "");
  check("up 1\n# EOF\n", "{__name__=\"up\"} 1\n");
  check("up{} 1 1700000000.123\n# EOF\n", "{__name__=\"up\"} 1 @1700000000123\n");
  check("up 1 1700000000\nup 2 1.7000000015e9\n# EOF\n",
        "{__name__=\"up\"} 1 @1700000000000\n{__name__=\"up\"} 2 @1700000001500\n");
  check("up 1 -0.0005\n# EOF\n", "{__name__=\"up\"} 1 @-1\n");
  check(
      "# TYPE e_joules counter\n# UNIT e_joules joules\n# HELP e_joules Used \\\"x\\\"\n"
      "e_joules_total{b=\"2\",a=\"1\"} 5\ne_joules_created{b=\"2\",a=\"1\"} 1.5\n# EOF\n",
      "{__name__=\"e_joules_total\",a=\"1\",b=\"2\"} 5\n"
      "{__name__=\"e_joules_created\",a=\"1\",b=\"2\"} 1.5\n"
      "e_joules|counter|Used \"x\"|joules\n");
  check("# HELP a A\na 1\n# TYPE b gauge\nb -1\n# EOF\n",
        "{__name__=\"a\"} 1\na|unknown|A|\n{__name__=\"b\"} -1\nb|gauge||\n");
  check(
      "# TYPE h histogram\nh_bucket{le=\"1.0\"} 1 # {trace=\"x\"} 0.5 1.5\n"
      "h_bucket{le=\"+Inf\"} 2 3 # {} 0.5\nh_count 2\nh_sum -3\n# EOF\n",
      "{__name__=\"h_bucket\",le=\"1.0\"} 1\n{__name__=\"h_bucket\",le=\"+Inf\"} 2 @3000\n"
      "{__name__=\"h_count\"} 2\n{__name__=\"h_sum\"} -3\nh|histogram||\nexemplars 2\n");
  check("# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_count 2\ns_sum 3\n# EOF\n",
        "{__name__=\"s\",quantile=\"0.5\"} 1\n{__name__=\"s_count\"} 2\n"
        "{__name__=\"s_sum\"} 3\ns|summary||\n");
  check(
      "# TYPE i info\ni_info{v=\"1\"} 1\n# TYPE st stateset\nst{st=\"on\"} 1\n"
      "st{st=\"off\"} 0\n# TYPE g gaugehistogram\ng_bucket{le=\"+Inf\"} -1\ng_gcount 1\n"
      "g_gsum 2\n# EOF\n",
      "{__name__=\"i_info\",v=\"1\"} 1\ni|info||\n{__name__=\"st\",st=\"on\"} 1\n"
      "{__name__=\"st\",st=\"off\"} 0\nst|stateset||\n{__name__=\"g_bucket\",le=\"+Inf\"} -1\n"
      "{__name__=\"g_gcount\"} 1\n{__name__=\"g_gsum\"} 2\ng|gaugehistogram||\n");
  // A name that only begins like the family is another family.
  check("# TYPE a gauge\na 1\na_b 2\n# EOF\n",
        "{__name__=\"a\"} 1\na|gauge||\n{__name__=\"a_b\"} 2\n");
  check("a{b=\"\\\\ \\\" \\n \\x\"} 1\n# EOF\n", "{__name__=\"a\",b=\"\\\\ \\\" \\n \\\\x\"} 1\n");
}

TEST_CASE("what is no OpenMetrics is refused with its line") {
  const auto check = [](std::string_view body, std::string_view want) {
    CAPTURE(body);
    const std::string got = read_open(body);
    CHECK(got.starts_with("line "));
    CHECK(got.find(want) != std::string::npos);
  };
  check("", "line 1: the text ends without # EOF");
  check("up 1\n", "line 2: the text ends without # EOF");
  check("# EOF\nup 1\n", "line 2: there is more behind # EOF");
  check("# EOF\n\n", "behind # EOF");
  check("# EOF \n", "is expected");
  check("\n# EOF\n", "line 1: OpenMetrics has no empty lines");
  check("# a comment\n# EOF\n", "# TYPE, # UNIT");
  check("#TYPE a gauge\n# EOF\n", "# TYPE, # UNIT");
  check("#  TYPE a gauge\n# EOF\n", "# TYPE, # UNIT");
  check("# TYPE  a gauge\n# EOF\n", "metric name");
  check("# TYPE a\n# EOF\n", "a blank is expected");
  check("# TYPE a untyped\n# EOF\n", "no type");
  check("# TYPE a gauge \n# EOF\n", "no type");
  check("# TYPE a gauge\n# TYPE a gauge\n# EOF\n", "line 2: a second # TYPE");
  check("# HELP a x\n# HELP a y\n# EOF\n", "a second # HELP");
  check("# TYPE a gauge\na 1\n# HELP a y\n# EOF\n", "line 3: metadata of \"a\" comes after");
  check("# TYPE a gauge\n# UNIT a bytes\n# EOF\n", "does not end in its unit");
  check("# TYPE a gauge\na 1\nb 1\na{c=\"1\"} 1\n# EOF\n",
        "line 4: the family \"a\" stands in two");
  check("# TYPE a gauge\n# TYPE b gauge\n# TYPE a gauge\n# EOF\n", "in two places");
  check("# TYPE a counter\na 1\n# EOF\n", "a counter may not be named \"a\"");
  check("# TYPE a counter\na_total -1\n# EOF\n", "NaN or below zero");
  check("# TYPE a counter\na_total NaN\n# EOF\n", "NaN or below zero");
  check("# TYPE a info\na_info 2\n# EOF\n", "not 1");
  check("# TYPE a stateset\na{a=\"x\"} 2\n# EOF\n", "neither 0 nor 1");
  check("# TYPE a stateset\na{b=\"x\"} 1\n# EOF\n", "lacks the label a");
  check("# TYPE a histogram\na_bucket 1\n# EOF\n", "lacks the label le");
  check("# TYPE a summary\na 1\n# EOF\n", "lacks the label quantile");
  check("a  1\n# EOF\n", "no number");
  check(" a 1\n# EOF\n", "metric name");
  check("a 1 \n# EOF\n", "no timestamp");
  check("a 1 NaN\n# EOF\n", "no timestamp");
  check("a 1 Inf\n# EOF\n", "no timestamp");
  check("a 1 1e300\n# EOF\n", "no timestamp");
  check("a 1 2 3\n# EOF\n", "more than a value");
  check("a\t1\n# EOF\n", "a blank is expected");
  check("a {b=\"1\"} 1\n# EOF\n", "no number");
  check("a{b=\"1\", c=\"2\"} 1\n# EOF\n", "label name");
  check("a{b=\"1\",} 1\n# EOF\n", "behind the comma");
  check("a{b=\"1\"}1\n# EOF\n", "a blank is expected");
  check("a{b=\"1\",b=\"1\"} 1\n# EOF\n", "twice");
  check("a 1 # {b=\"1\"} 1\n# EOF\n", "only counters and buckets");
  check("# TYPE a counter\na_total 1 # {b=\"1\"}\n# EOF\n", "a blank is expected");
  check("# TYPE a counter\na_total 1 # b\n# EOF\n", "more than a value");
  check("# TYPE a counter\na_total 1 # {b=\"1\"} x\n# EOF\n", "no number");
  check("# TYPE a counter\na_total 1 # {b=\"1\"} 1 1 1\n# EOF\n", "more than an exemplar");
  check("# TYPE a counter\na_total 1 # {b=\"" + std::string(128, 'x') + "\"} 1\n# EOF\n",
        "longer than 128");
  check("a 1\r\n# EOF\r\n", "no number");
}

TEST_CASE("volta's own OpenMetrics is read") {
  MetricFamily energy{"volta_energy_joules_total", Kind::counter, "joules", "Energy \"x\"\n\\", {}};
  energy.samples = {{{{"zone", "a"}}, 1.5}};
  MetricFamily odd{"odd", Kind::counter, "", "", {{{}, 3}}};
  CHECK(
      read_open(PrometheusExposition().render(ExpositionFormat::open_metrics_1_0, {energy, odd})) ==
      "{__name__=\"volta_energy_joules_total\",zone=\"a\"} 1.5\n"
      "volta_energy_joules|counter|Energy \"x\"\n\\|joules\n"
      "{__name__=\"odd\"} 3\nodd|unknown||\n");
}

TEST_CASE("content types of targets") {
  CHECK(is_openmetrics("application/openmetrics-text; version=1.0.0; charset=utf-8"));
  CHECK(is_openmetrics("application/openmetrics-text"));
  CHECK_FALSE(is_openmetrics("text/plain; version=0.0.4"));
  CHECK_FALSE(is_openmetrics(""));
  CHECK(PrometheusExposition().negotiate(scrape_accept_header()) ==
        ExpositionFormat::open_metrics_1_0);
}

}  // namespace
}  // namespace volta
