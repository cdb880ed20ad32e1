#include "prom/text_parser.hpp"

#include <catch2/catch.hpp>

#include "prom/exposition.hpp"
#include "scrape_log.hpp"

namespace volta {
namespace {

std::string read_text(std::string_view body, const ScrapeLimits& limits = {}) {
  SeriesTexts texts;
  std::string first;
  for (int round = 0; round < 3; ++round) {  // from the second on along the expected series
    ScrapeLog log;
    const auto totals = parse_exposition_text(body, limits, texts, log);
    std::string text = totals ? log.text : totals.error().text;
    if (round == 0) first = text;
    CHECK(text == first);
    if (totals) CHECK(totals->samples == log.labels.size());
  }
  return first;
}

TEST_CASE("exposition text is read") {
  const auto check = [](std::string_view body, std::string_view want) {
    CAPTURE(body);
    CHECK(read_text(body) == want);
  };
  check("", "");
  check("\n \t\n", "");
  check("up 1\n", "{__name__=\"up\"} 1\n");
  check("up 1", "{__name__=\"up\"} 1\n");
  check("up 1 1700000000123\n", "{__name__=\"up\"} 1 @1700000000123\n");
  check("up 1 -5\n", "{__name__=\"up\"} 1 @-5\n");
  check("\t up \t1\t 2 \t\n", "{__name__=\"up\"} 1 @2\n");
  check("a:b_1{} 2\n", "{__name__=\"a:b_1\"} 2\n");
  check("up{b=\"2\",a=\"1\"} 1\n", "{__name__=\"up\",a=\"1\",b=\"2\"} 1\n");
  check("up { b = \"2\" , a=\"1\", } 1\n", "{__name__=\"up\",a=\"1\",b=\"2\"} 1\n");
  check("up {a=\"1\"} 1\nup 2\nup {a=\"2\"} 3\n",
        "{__name__=\"up\",a=\"1\"} 1\n{__name__=\"up\"} 2\n{__name__=\"up\",a=\"2\"} 3\n");
  check("up{a=\"1\"}1\n", "{__name__=\"up\",a=\"1\"} 1\n");
  check("up{A=\"1\"} 1\n", "{A=\"1\",__name__=\"up\"} 1\n");
  check("up{a=\"\",b=\"x\"} 1\n", "{__name__=\"up\",b=\"x\"} 1\n");
  check("up{a=\"q\\\"b\\\\s\\nl\\d\"} 1\n", "{__name__=\"up\",a=\"q\\\"b\\\\s\\nl\\\\d\"} 1\n");
  check("up{a=\"}, # \xC5\xBC=\"} 1\n", "{__name__=\"up\",a=\"}, # \xC5\xBC=\"} 1\n");
  check("# a comment\n#another\n#\n# HELPING up\nup 1\n", "{__name__=\"up\"} 1\n");
  check("# HELP up Is it \\\\ up\\nor \\\"down\"  \n# TYPE up gauge\nup 1\n",
        "up|gauge|Is it \\ up\nor \\\"down\"  |\n{__name__=\"up\"} 1\n");
  check("# TYPE up untyped\n", "up|unknown||\n");
  check("#  TYPE  up\tcounter \n# HELP up\nup 1\n# TYPE up gauge\n",
        "up|counter||\n{__name__=\"up\"} 1\nup|gauge||\n");
  check("# HELP a A\n# HELP b B\n", "a|unknown|A|\nb|unknown|B|\n");
  check("same 1 1\nsame 2 2\nsame 3 3\nother 1\n",
        "{__name__=\"same\"} 1 @1\n{__name__=\"same\"} 2 @2\n{__name__=\"same\"} 3 @3\n"
        "{__name__=\"other\"} 1\n");
}

TEST_CASE("numbers are those of Go's ParseFloat") {
  const auto check = [](std::string_view number, std::string_view want) {
    CAPTURE(number);
    const std::string got = read_text("a " + std::string(number) + "\n");
    if (want.empty()) {
      CHECK(got.starts_with("line 1: no number"));
    } else {
      CHECK(got == "{__name__=\"a\"} " + std::string(want) + "\n");
    }
  };
  check("0", "0");
  check("-0", "-0");
  check("+3", "3");
  check("1.5", "1.5");
  check(".5", "0.5");
  check("5.", "5");
  check("1e3", "1000");
  check("1E+3", "1000");
  check("-1.5e-3", "-0.0015");
  check("123456789012345", "123456789012345");
  check("1234567890123456789", "1234567890123456768");
  check("18446744073709551615", "18446744073709551616");
  check("0.1", "0.1");
  check("1e308", "1e+308");
  check("5e-324", "5e-324");
  check("1e-400", "0");
  check("-1e-400", "-0");
  check("NaN", "nan");
  check("nan", "nan");
  check("Inf", "inf");
  check("+Inf", "inf");
  check("-inf", "-inf");
  check("+infinity", "inf");
  for (const char* bad : {"", "x", "1x", "1e", "e1", ".", "-", "+", "--1", "+-1", "0x10", "1_000",
                          "nan(1)", "infx", "1e999", "-1e999", "1,5", "1..2"}) {
    check(bad, "");
  }
}

TEST_CASE("what is no exposition text is refused with its line") {
  const auto check = [](std::string_view body, std::string_view want) {
    CAPTURE(body);
    const std::string got = read_text(body);
    CHECK(got.starts_with("line "));
    CHECK(got.find(want) != std::string::npos);
  };
  check("up 1\n\n1up 1\n", "line 3: a metric name");
  check("{a=\"b\"} 1\n", "a metric name");
  check("{\"quoted.name\"} 1\n", "a metric name");
  check("up\n", "no number");
  check("up{a=\"b\"}\n", "no number");
  check("up{a=\"b\" 1\n", "comma or a closing brace");
  check("up{a=\"b\n", "not closed");
  check("up{a=\"b\\\"} 1\n", "not closed");
  check("up{a=b} 1\n", "double quotes");
  check("up{a} 1\n", "equals sign");
  check("up{=\"b\"} 1\n", "label name");
  check("up{,} 1\n", "label name");
  check("up{a=\"b\",,} 1\n", "label name");
  check("up{a:b=\"c\"} 1\n", "label name");
  check("up{1=\"c\"} 1\n", "label name");
  check("up{a=\"1\",a=\"2\"} 1\n", "twice");
  check("up{__name__=\"x\"} 1\n", "twice");
  check("up{a=\"\xFF\"} 1\n", "UTF-8");
  check("up 1 1.5\n", "no timestamp");
  check("up 1 x\n", "no timestamp");
  check("up 1 99999999999999999999\n", "no timestamp");
  check("up 1 2 3\n", "more than a value");
  check("up 1 # {a=\"b\"} 1\n", "no timestamp");
  check("up 1\r\n", "no number");
  check("# TYPE up speed\n", "no type");
  check("# TYPE up\n", "no type");
  check("# TYPE up gauge gauge\n", "no type");
  check("# TYPE 1up gauge\n", "metric name");
  check("# HELP\n", "metric name");
  check("# HELP up \xFF\n", "UTF-8");
}

TEST_CASE("limits of a scrape") {
  ScrapeLimits limits;
  limits.longest_line = 36;
  limits.most_labels = 3;  // the name among them
  limits.longest_name = 8;
  limits.longest_value = 10;
  limits.most_samples = 2;
  const auto check = [&](std::string_view body, std::string_view want) {
    CAPTURE(body);
    CHECK(read_text(body, limits).find(want) != std::string::npos);
  };
  check("a{b=\"1\",c=\"2\"} 1\n", "{__name__=\"a\",b=\"1\",c=\"2\"} 1");
  check("a{b=\"1\",c=\"2\",d=\"3\"} 1\n", "more than 3 labels");
  check("a{b=\"1\",c=\"2\",d=\"3\",e=\"4\"} 1\n", "more than 3 labels");
  check("a{b=\"12345678901\"} 1\n", "longer than 10");
  check("a{b23456789=\"1\"} 1\n", "longer than 8");
  check("a{b=\"1234567890\",c=\"1234567890\"} 1    \n", "line 1: longer than 36");
  check("a 1\nb 1\nc 1\n", "line 3: more than 2 samples");
  limits.most_series_bytes = 600;
  check("a{b=\"1\"} 1\nb{b=\"1\"} 1\n", "line 2: the series are more");
}

TEST_CASE("a series keeps its labels' pointer while it keeps coming") {
  SeriesTexts texts;
  const auto scrape = [&](std::string_view body) {
    ScrapeLog log;
    REQUIRE(parse_exposition_text(body, {}, texts, log));
    return log.labels;
  };
  const auto first = scrape("a 1\nb{x=\"1\"} 1\nc 1\n");
  const auto second = scrape("a 2\nb{x=\"1\"} 2\nc 3\n");
  CHECK(first == second);
  const auto mixed = scrape("c 1\nd 1\na 1\n");
  CHECK(mixed[0] == first[2]);
  CHECK(mixed[2] == first[0]);
  CHECK(texts.size() == 3);  // b is forgotten
  const auto third = scrape("a 2\nb{x=\"1\"} 2\nc 3\n");
  CHECK(third[0] == first[0]);
  CHECK(third[1] != first[1]);
  CHECK(*third[1] == *first[1]);
  CHECK(third[2] == first[2]);
  CHECK(texts.size() == 3);
  // A scrape that breaks off makes nothing be forgotten, and its successors none the worse.
  ScrapeLog log;
  CHECK_FALSE(parse_exposition_text("c 1\ne 1\n!", {}, texts, log));
  CHECK(scrape("a 2\nb{x=\"1\"} 2\nc 3\n") == third);
  scrape("a 2\n");
  CHECK(texts.size() == 1);
  scrape("");
  CHECK(texts.size() == 0);
}

TEST_CASE("bodies that break off leave nothing behind") {
  SeriesTexts texts;
  ScrapeLog whole;
  REQUIRE(parse_exposition_text("a 1\nb 1\n", {}, texts, whole));
  for (int i = 0; i < 50; ++i) {
    std::string body = "b 1\n";
    for (int k = 0; k < 20; ++k) body += "m{i=\"" + std::to_string(i * 20 + k) + "\"} 1\n";
    ScrapeLog log;
    CHECK_FALSE(parse_exposition_text(body + "!", {}, texts, log));
    CHECK(texts.size() <= 2 + 20);
  }
  ScrapeLog again;
  REQUIRE(parse_exposition_text("a 1\nb 1\n", {}, texts, again));
  CHECK(again.labels == whole.labels);
  CHECK(texts.size() == 2);
}

TEST_CASE("what volta writes it reads") {
  MetricFamily energy{"volta_energy_joules_total", Kind::counter, "joules", "Energy \"x\"\n\\", {}};
  energy.samples = {{{{"zone", "a\"b\\c\n"}}, 1.5}, {{{"zone", "b"}}, 1e21}};
  CHECK(read_text(PrometheusExposition().render(ExpositionFormat::text_0_0_4, {energy})) ==
        "volta_energy_joules_total|counter|Energy \"x\"\n\\|\n"
        "{__name__=\"volta_energy_joules_total\",zone=\"a\\\"b\\\\c\\n\"} 1.5\n"
        "{__name__=\"volta_energy_joules_total\",zone=\"b\"} 1e+21\n");
}

}  // namespace
}  // namespace volta
