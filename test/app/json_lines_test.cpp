#include "app/json_lines.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "support/seed.hpp"

using namespace volta;

namespace {

std::string problem_of(std::string_view line) {
  const auto parsed = parse_json_line(line);
  return parsed ? "none" : parsed.error().text;
}

}  // namespace

TEST_CASE("a JSON line is a series") {
  const auto parsed = parse_json_line(
      R"({"metric":{"job":"a\"\u00e9","__name__":"up","empty":""},"values":[1,0.1,"NaN","+Inf","-Inf",1e308,-0.0],)"
      R"("timestamps":[10,20,30,40,50,60,70]})");
  REQUIRE(parsed.has_value());
  CHECK(*parsed->labels == Labels{{"__name__", "up"}, {"job", "a\"\xc3\xa9"}});
  CHECK(parsed->times_ms == std::vector<std::int64_t>{10, 20, 30, 40, 50, 60, 70});
  REQUIRE(parsed->values.size() == 7);
  CHECK(parsed->values[1] == 0.1);
  CHECK(std::isnan(parsed->values[2]));
  CHECK(parsed->values[4] == -std::numeric_limits<double>::infinity());
  CHECK(std::signbit(parsed->values[6]));
}

TEST_CASE("samples of a JSON line are put in order, the last of equals stays") {
  const auto parsed = parse_json_line(
      R"({"metric":{"__name__":"m"},"values":[3,1,2,9],"timestamps":[30,10,20,10]})");
  REQUIRE(parsed.has_value());
  CHECK(parsed->times_ms == std::vector<std::int64_t>{10, 20, 30});
  CHECK(parsed->values == std::vector<double>{9, 2, 3});
}

TEST_CASE("what is no JSON line of a series is refused") {
  CHECK(problem_of("{") == "no JSON: incomplete JSON");
  CHECK(problem_of(R"({"values":[1],"timestamps":[1]})") ==
        "\"metric\" with the labels is missing");
  CHECK(problem_of(R"({"metric":{"a":"b"},"values":[1,2],"timestamps":[1]})") ==
        "2 values stand with 1 timestamps");
  CHECK(problem_of(R"({"metric":{"a":"b","a":"c"},"values":[],"timestamps":[]})") ==
        "the label a comes twice");
  CHECK(problem_of(R"({"metric":{"a":1},"values":[],"timestamps":[]})") == "1 is no value");
  CHECK(problem_of(R"({"metric":{"a":"b"},"values":["x"],"timestamps":[1]})") ==
        "a text stands where none may: x");
  CHECK(problem_of(R"({"metric":{"a":"b"},"values":[1],"timestamps":[1.5]})") ==
        "1.5 is no unix time in milliseconds");
  CHECK(problem_of(R"({"metric":{"a":"b"},"values":[[1]],"timestamps":[1]})") ==
        "an array stands where none may");
  CHECK(problem_of(R"({"metric":{"a":{}},"values":[1],"timestamps":[1]})") ==
        "an object stands where none may");
  CHECK(problem_of(R"({"metric":{"a":"b"},"values":[1e999],"timestamps":[1]})") ==
        "1e999 is no value");
  CHECK(problem_of(R"({"metric":{"a":"b"},"values":[],"timestamps":[]} x)") ==
        "something stands behind the object");
  CHECK(problem_of("") == "no JSON: incomplete JSON");
  // Bits of no NaN, and too few of them.
  for (const char* text : {"NaN:3ff0000000000000", "NaN:7ff8", "NaN:", "NaNs"}) {
    CHECK(problem_of(R"({"metric":{"a":"b"},"values":[")" + std::string(text) +
                     R"("],"timestamps":[1]})") == std::string(text) + " is no value");
  }
}

TEST_CASE("JSON lines keep every bit of a number") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  LabeledSamples series;
  series.labels = std::make_shared<const Labels>(Labels{{"__name__", "m"}, {"l", "x\ny\"\\"}});
  for (std::int64_t i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (i % 100 == 0) value = std::bit_cast<double>(bits | 0x7ff0'0000'0000'0001U);
    if (i == 1) value = std::bit_cast<double>(kStaleBits);
    series.times_ms.push_back(i);
    series.values.push_back(value);
  }
  std::string line;
  append_json_line(line, series);
  REQUIRE(line.back() == '\n');
  line.pop_back();
  const auto parsed = parse_json_line(line);
  REQUIRE(parsed.has_value());
  CHECK(*parsed->labels == *series.labels);
  CHECK(parsed->times_ms == series.times_ms);
  REQUIRE(parsed->values.size() == series.values.size());
  CHECK(std::memcmp(parsed->values.data(), series.values.data(), series.values.size() * 8) == 0);
}
