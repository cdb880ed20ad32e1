#include "app/export_output.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "app/csv_cell.hpp"
#include "app/json_lines.hpp"
#include "prom/openmetrics_parser.hpp"

using namespace volta;

namespace {

std::shared_ptr<const Labels> exported_labels(Labels labels) {
  return std::make_shared<const Labels>(std::move(labels));
}

std::vector<LabeledSamples> exported_samples() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {
      {exported_labels({{"__name__", "a"}}), {-1500, 0, 1'795'226'940'123}, {0.1, -0.0, 1e-300}},
      {exported_labels({{"__name__", "a_total"}, {"l", "x\ny\"\\,z"}}),
       {1000, 1001, 1002},
       {kInfinity, -kInfinity, 18'446'744'073'709'551'615.0}},
      {exported_labels({{"Z", "=1+1"}, {"__name__", "b"}}),
       {1, 2},
       {std::bit_cast<double>(kStaleBits), 5}}};
}

std::string exported(std::string_view format, const std::vector<LabeledSamples>& all,
                     std::size_t left_out) {
  std::vector<std::shared_ptr<const Labels>> series;
  for (const LabeledSamples& one : all) series.push_back(one.labels);
  const auto output = export_output(format, series);
  std::string text;
  output->begin(text);
  for (const LabeledSamples& one : all) output->add(text, one);
  output->end(text);
  CHECK(output->left_out() == left_out);
  return text;
}

// What the importer's parser makes of it.
class KeptSamples final : public ScrapeSink {
 public:
  void sample(const ScrapedSample& sample) override {
    if (all.empty() || *all.back().labels != **sample.labels)
      all.push_back({*sample.labels, {}, {}});
    all.back().times_ms.push_back(sample.time_ms.value());
    all.back().values.push_back(sample.value);
  }
  void metadata(const MetricMetadata&) override {}
  std::vector<LabeledSamples> all;
};

void check_same(const std::vector<LabeledSamples>& got, const std::vector<LabeledSamples>& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CHECK(*got[i].labels == *want[i].labels);
    CHECK(got[i].times_ms == want[i].times_ms);
    REQUIRE(got[i].values.size() == want[i].values.size());
    for (std::size_t k = 0; k < want[i].values.size(); ++k)
      CHECK(std::bit_cast<std::uint64_t>(got[i].values[k]) ==
            std::bit_cast<std::uint64_t>(want[i].values[k]));
  }
}

}  // namespace

TEST_CASE("JSON lines are read back bit for bit, stale markers too") {
  const auto want = exported_samples();
  std::string_view text;
  const std::string lines = exported("jsonlines", want, 0);
  text = lines;
  std::vector<LabeledSamples> got;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = parse_json_line(text.substr(0, end));
    REQUIRE(line.has_value());
    got.push_back(std::move(*line));
    text.remove_prefix(end + 1);
  }
  check_same(got, want);
}

TEST_CASE("OpenMetrics is read back bit for bit, without stale markers") {
  auto want = exported_samples();
  const std::string text = exported("openmetrics", want, 1);
  ScrapeLimits limits;
  SeriesTexts texts;
  KeptSamples kept;
  const auto parsed = parse_openmetrics(text, limits, texts, kept);
  REQUIRE(parsed.has_value());
  want[2].times_ms.erase(want[2].times_ms.begin());
  want[2].values.erase(want[2].values.begin());
  check_same(kept.all, want);
}

TEST_CASE("CSV has a column per label") {
  CHECK(exported("csv", exported_samples(), 1) ==
        "timestamp,__name__,Z,l,value\n"
        "1969-12-31T23:59:58.500Z,a,,,0.1\n"
        "1970-01-01T00:00:00.000Z,a,,,-0\n"
        "2026-11-21T02:09:00.123Z,a,,,1e-300\n"
        "1970-01-01T00:00:01.000Z,a_total,,\"x\ny\"\"\\,z\",+Inf\n"
        "1970-01-01T00:00:01.001Z,a_total,,\"x\ny\"\"\\,z\",-Inf\n"
        "1970-01-01T00:00:01.002Z,a_total,,\"x\ny\"\"\\,z\",18446744073709552000\n"
        "1970-01-01T00:00:00.002Z,b,'=1+1,,5\n");
}

TEST_CASE("a cell is quoted where it must be") {
  CHECK(csv_cell("plain", true) == "plain");
  CHECK(csv_cell("a,b", false) == "\"a,b\"");
  CHECK(csv_cell("-5", false) == "-5");
  CHECK(csv_cell("-5", true) == "'-5");
}
