#include "query/engine.hpp"

#include <catch2/catch.hpp>

#include "query/load.hpp"

namespace volta::test {
namespace {

constexpr std::int64_t kMinute = 60'000;

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Inf" : "-Inf";
  char text[40];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

// {a="b"} 1 2 _ 4: the values at `times`, `_` where there is none. Rows by lines.
std::string rows_text(const std::vector<MatrixValue::Row>& rows,
                      const std::vector<std::int64_t>& times) {
  std::string out;
  for (const auto& row : rows) {
    if (!out.empty()) out += '\n';
    const auto text = label_text(*row.labels);
    out += text.empty() ? "{}" : text;
    std::size_t next = 0;
    for (const std::int64_t time : times) {
      const bool there = next < row.times_ms.size() && row.times_ms[next] == time;
      out += there ? ' ' + number_text(row.values[next++]) : " _";
    }
  }
  return out;
}

std::string outcome_text(const QueryOutcome& outcome, const std::vector<std::int64_t>& times) {
  if (const auto* failure = std::get_if<QueryFailure>(&outcome)) return "error: " + failure->text;
  const QueryValue& value = std::get<QueryAnswer>(outcome).value;
  if (const auto* scalar = std::get_if<ScalarValue>(&value)) return number_text(scalar->value);
  if (const auto* text = std::get_if<StringValue>(&value)) return '"' + text->value + '"';
  if (const auto* matrix = std::get_if<MatrixValue>(&value)) return rows_text(matrix->rows, times);
  std::vector<MatrixValue::Row> rows;
  for (const auto& element : std::get<VectorValue>(value).elements) {
    rows.push_back({element.labels, {element.time_ms}, {element.value}});
  }
  return rows_text(rows, times);
}

// A source with one sample a minute from 0 on, asked at minutes.
class Asked {
 public:
  explicit Asked(const std::string& text) { load(source, text, 0, kMinute); }

  std::string at(std::string_view expression, double minute) const {
    const auto time = static_cast<std::int64_t>(minute * kMinute);
    return outcome_text(engine.instant({expression, time}, limits, nullptr), {time});
  }
  // By whole minutes, both ends included.
  std::string over(std::string_view expression, int first, int last) const {
    std::vector<std::int64_t> times;
    for (int m = first; m <= last; ++m) times.push_back(m * kMinute);
    return outcome_text(
        engine.range({expression, first * kMinute, last * kMinute, kMinute}, limits, nullptr),
        times);
  }

  MemorySource source;
  PromqlEngine engine{source};
  QueryLimits limits;
};

TEST_CASE("an instant selector shows the last sample of a left-open lookback") {
  const Asked asked("up{a=\"b\"} 1 2 _x6 3 stale _ 4");
  CHECK(asked.over("up", 0, 12) == "{__name__=\"up\",a=\"b\"} 1 2 2 2 2 2 _ _ 3 _ _ 4 4");
  CHECK(asked.at("up", 5.999) == "{__name__=\"up\",a=\"b\"} 2");
  CHECK(asked.at("up", 6) == "");
  CHECK(asked.over("up offset 2m", 2, 4) == "{__name__=\"up\",a=\"b\"} 1 2 2");
  CHECK(asked.over("up @ 60", 10, 12) == "{__name__=\"up\",a=\"b\"} 2 2 2");
  CHECK(asked.over("up @ start() + 0 * up @ end()", 11, 12) == "{a=\"b\"} 4 4");
  CHECK(asked.at("timestamp(up)", 4) == "{a=\"b\"} 60");
}

TEST_CASE("a range is left-open, and without stale markers") {
  const Asked asked("c 0 1 2 stale 4 5");
  CHECK(asked.at("count_over_time(c[2m])", 2) == "{} 2");
  CHECK(asked.at("count_over_time(c[2m])", 4) == "{} 1");
  CHECK(asked.at("sum_over_time(c[3m1s])", 5) == "{} 11");
  CHECK(std::get<MatrixValue>(
            std::get<QueryAnswer>(asked.engine.instant({"c[2m]", 5 * kMinute}, {}, nullptr)).value)
            .rows.at(0)
            .values == std::vector<double>{4, 5});
  CHECK(asked.at("count_over_time(c[3m:1m])", 5) == "{} 2");
  CHECK(asked.at("sum_over_time(c[3m:30s])", 2) == "{} 4");
}

TEST_CASE("counters are extrapolated and survive resets") {
  const Asked asked("c{a=\"b\"} 100+60x5 7 67");
  CHECK(asked.at("rate(c[5m])", 5) == "{a=\"b\"} 1");
  CHECK(asked.at("increase(c[5m])", 5) == "{a=\"b\"} 300");
  CHECK(asked.at("increase(c[3m])", 7) == "{a=\"b\"} 100.5");
  CHECK(asked.at("resets(c[10m])", 7) == "{a=\"b\"} 1");
  CHECK(asked.at("irate(c[5m])", 6) == "{a=\"b\"} 0.1166666667");
  CHECK(asked.at("rate(c[1m])", 5) == "");
  CHECK(asked.at("last_over_time(c[1m])", 5) == "{__name__=\"c\",a=\"b\"} 400");
  CHECK(asked.at("first_over_time(c[3m])", 5) == "{__name__=\"c\",a=\"b\"} 280");
}

TEST_CASE("matching says what is ambiguous") {
  const Asked asked(R"(a{x="1",y="1"} 1
a{x="1",y="2"} 2
b{x="1",z="1"} 10
b{x="1",z="2"} 20)");
  CHECK(asked.at("a + on (x) b", 0) ==
        "error: found duplicate series for the match group {x=\"1\"} on the right hand-side of the "
        "operation: [{__name__=\"b\", x=\"1\", z=\"2\"}, {__name__=\"b\", x=\"1\", "
        "z=\"1\"}];many-to-many matching not allowed: matching labels must be unique on one side");
  CHECK(asked.at("a + on (x) b{z=\"1\"}", 0) ==
        "error: multiple matches for labels: many-to-one matching must be explicit "
        "(group_left/group_right)");
  CHECK(asked.at("a * on (x) group_left (z) b{z=\"2\"}", 0) ==
        "{x=\"1\",y=\"1\",z=\"2\"} 20\n{x=\"1\",y=\"2\",z=\"2\"} 40");
  CHECK(asked.at("b{z=\"1\"} - on (x) group_right () a", 0) ==
        "{x=\"1\",y=\"1\"} 9\n{x=\"1\",y=\"2\"} 8");
  CHECK(asked.at("a * on (x) group_left (y) label_replace(b{z=\"2\"}, \"y\", \"q\", \"\", \"\")",
                 0) ==
        "error: multiple matches for labels: grouping labels must ensure unique matches");
  CHECK(asked.at("-{__name__=~\"a|b\"} + 0", 0) ==
        "{x=\"1\",y=\"1\"} -1\n{x=\"1\",y=\"2\"} -2\n{x=\"1\",z=\"1\"} -10\n{x=\"1\",z=\"2\"} -20");
  CHECK(asked.at("label_replace(a, \"y\", \"\", \"y\", \".*\")", 0) ==
        "error: vector cannot contain metrics with the same labelset");
}

TEST_CASE("labels that are made keep the rule of those that are written") {
  const Asked asked("a{x=\"1\"} 1 2");
  CHECK(asked.at("count_values(\"bad name\", a)", 0) == "error: invalid label name \"bad name\"");
  CHECK(asked.at("label_replace(a, \"1a\", \"v\", \"x\", \".*\")", 0) ==
        "error: invalid destination label name in label_replace(): 1a");
  CHECK(asked.at("label_join(a, \"y-z\", \"\", \"x\")", 0) ==
        "error: invalid destination label name in label_join(): y-z");
  CHECK(asked.at("label_join(a, \"y\", \"\", \"x.1\")", 0) ==
        "error: invalid source label name in label_join(): x.1");
}

TEST_CASE("a smoothing factor that is no number smooths to none") {
  const Asked asked("a 1 2 3");
  CHECK(asked.at("holt_winters(a[5m], NaN, 0.5)", 2) == "{} NaN");
  CHECK(asked.at("holt_winters(a[5m], 0, 0.5)", 2) ==
        "error: invalid smoothing factor. Expected: 0 < sf < 1, got: 0.000000");
}

TEST_CASE("rows that are never there together become one") {
  const Asked asked("a 1 2 stale _ _ _\nb _ _ _ 3 4");
  CHECK(asked.over("{__name__=~\"a|b\"} + 1", 0, 4) == "{} 2 3 _ 4 5");
  CHECK(asked.over("a or b", 0, 3) == "{__name__=\"a\"} 1 2 _ _\n{__name__=\"b\"} _ _ _ 3");
  CHECK(asked.over("absent(a)", 0, 3) == "{} _ _ 1 1");
}

TEST_CASE("ties go to the first label, and ranks are in order") {
  const Asked asked(R"(g{i="1"} 5 5
g{i="2"} 7 5
g{i="3"} 5 NaN)");
  CHECK(asked.at("topk(2, g)", 0) == "{__name__=\"g\",i=\"2\"} 7\n{__name__=\"g\",i=\"1\"} 5");
  CHECK(asked.over("topk(1, g)", 0, 1) ==
        "{__name__=\"g\",i=\"1\"} _ 5\n{__name__=\"g\",i=\"2\"} 7 _");
  CHECK(asked.at("bottomk(1, g)", 1) == "{__name__=\"g\",i=\"1\"} 5");
  CHECK(asked.over("limitk(2, g)", 0, 1) ==
        "{__name__=\"g\",i=\"1\"} 5 5\n{__name__=\"g\",i=\"2\"} 7 5");
  CHECK(asked.at("limit_ratio(1, g) unless limit_ratio(-1, g)", 0) == "");
  CHECK(asked.at("count(limit_ratio(0.3, g) or limit_ratio(-0.7, g))", 0) == "{} 3");
  CHECK(asked.at("sort_desc(g)", 1) ==
        "{__name__=\"g\",i=\"1\"} 5\n{__name__=\"g\",i=\"2\"} 5\n{__name__=\"g\",i=\"3\"} NaN");
  CHECK(asked.at("sort_by_label_desc(g, \"i\") * 1", 0) == "{i=\"1\"} 5\n{i=\"2\"} 7\n{i=\"3\"} 5");
  CHECK(asked.at("sort_by_label_desc(g, \"i\")", 0).substr(0, 20) == "{__name__=\"g\",i=\"3\"}");
  CHECK(asked.at("min(g)", 1) == "{} 5");
}

TEST_CASE("functions that Prometheus 2 lacks") {
  const Asked asked("g{a=\"x10\"} 1 2 3 4 100\ng{a=\"x9\"} 2 2 2 2 2");
  CHECK(asked.at("mad_over_time(g{a=\"x10\"}[5m])", 4) == "{a=\"x10\"} 1");
  CHECK(asked.at("sort_by_label(g, \"a\")", 0) ==
        "{__name__=\"g\",a=\"x9\"} 2\n{__name__=\"g\",a=\"x10\"} 1");
  CHECK(asked.at("double_exponential_smoothing(g{a=\"x9\"}[5m], 0.5, 0.5)", 4) == "{a=\"x9\"} 2");
  CHECK(asked.at("stddev(g{a=\"x9\"} / 0)", 0) == "{} NaN");
  CHECK(asked.over("predict_linear(g{a=\"x9\"}[5m] @ 240, 60)", 3, 4) == "{a=\"x9\"} 2 2");
}

TEST_CASE("a query beyond its limits says how to narrow it") {
  Asked asked("a{i=\"1\"} 1+1x9\na{i=\"2\"} 1+1x9");
  const auto failure = [&](std::string_view expression) { return asked.over(expression, 0, 9); };
  asked.limits.most_points = 8;
  CHECK(failure("a") ==
        "error: exceeded maximum resolution of 8 points per timeseries. Try decreasing the query "
        "resolution (?step=XX)");
  asked.limits.most_points = 9;
  CHECK(failure("count(a)") == "{} 2 2 2 2 2 2 2 2 2 2");
  asked.limits.most_samples = 19;
  CHECK(failure("a").find("too many samples") != std::string::npos);
  asked.limits.most_samples = 20;
  CHECK(failure("count(a)") == "{} 2 2 2 2 2 2 2 2 2 2");
  asked.limits.most_series = 1;
  CHECK(failure("a") == "error: the selector matches more than 1 series; add matchers");
  asked.limits = {};
  asked.limits.most_bytes = 400;
  CHECK(failure("a").find("narrow it") != std::string::npos);
  CHECK(failure("vector(1)[400d:1ms]").find("range query") != std::string::npos);
  CHECK(asked.at("sum_over_time(vector(1)[400d:1ms])", 1).find("narrow it") != std::string::npos);
  asked.limits = {};
  asked.limits.timeout = std::chrono::milliseconds(0);
  CHECK(failure("a").find("timed out") != std::string::npos);
  const std::atomic<bool> cancel{true};
  const auto outcome = asked.engine.instant({"a", 0}, {}, &cancel);
  CHECK(std::get<QueryFailure>(outcome).kind == QueryFailure::Kind::canceled);
}

TEST_CASE("what a query makes is charged for as long as it is there") {
  Asked asked("a{i=\"1\"} 1+1x9\na{i=\"2\"} 1+1x9");
  asked.limits.most_bytes = 1U << 20U;
  const auto refused = [&](const std::string& expression) {
    return asked.at(expression, 1).find("for its intermediate results") != std::string::npos;
  };
  // Labels, while the next ones are made.
  const std::string text(60'000, 'x');
  const std::string both =
      "label_replace(a, \"b\", \"" + text.substr(0, 20'000) + "$1\", \"i\", \"(.*)\")";
  CHECK_FALSE(refused(both + " + 1 or 2 * " + both));
  std::string many = "a";
  for (const char* name : {"b", "c", "d", "e", "f"}) {
    many = "label_join(" + many + ", \"" + name + "\", \"" + text.substr(0, 10'000) +
           "\", \"i\", \"i\")";
  }
  CHECK_FALSE(refused(many));
  asked.limits.most_bytes = 1U << 16U;
  CHECK(refused(many));
  // A subquery's times and values beside the matrix that they are read from.
  asked.limits.most_bytes = 1'500'000;
  CHECK_FALSE(refused("sum_over_time(vector(1)[10s:1ms])"));
  CHECK(refused("sum_over_time(vector(1)[100s:1ms])"));
  // The text of an answer.
  asked.limits.most_bytes = 500'000;
  CHECK_FALSE(refused("max(vector(1))"));
  const auto range = [&](std::int64_t steps) {
    const auto outcome =
        asked.engine.range({"time()", 0, (steps - 1) * 1000, 1000}, asked.limits, nullptr);
    return std::holds_alternative<QueryAnswer>(outcome);
  };
  CHECK(range(5'000));
  CHECK_FALSE(range(10'000));
}

TEST_CASE("a tree as high as the parser lets it be is evaluated") {
  const Asked asked("a 1");
  std::string nested = "a";
  for (int i = 0; i < 490; ++i) nested = "-(" + nested + ")";
  CHECK(
      asked.at("abs(" + nested.substr(0, 2 * 240) + "a" + nested.substr(nested.size() - 240) + ")",
               0) == "{} 1");
  std::string absolute = "a";
  for (int i = 0; i < 498; ++i) absolute = "abs(" + absolute + ")";
  CHECK(asked.at(absolute, 0) == "{} 1");
}

TEST_CASE("bad ranges are bad data") {
  const Asked asked("a 1");
  const auto kind = [&](const RangeQuery& query) {
    return std::get<QueryFailure>(asked.engine.range(query, {}, nullptr)).kind;
  };
  CHECK(kind({"a", 0, 10, 0}) == QueryFailure::Kind::bad_data);
  CHECK(kind({"a", 10, 0, 1}) == QueryFailure::Kind::bad_data);
  CHECK(kind({"a[5m]", 0, 10, 1}) == QueryFailure::Kind::bad_data);
  CHECK(kind({"a", INT64_MIN, INT64_MAX, 1}) == QueryFailure::Kind::bad_data);
  CHECK(kind({"a offset 300y offset 1y", 0, 10, 1}) == QueryFailure::Kind::bad_data);
  CHECK(asked.at("\"text\"", 0) == "\"text\"");
  CHECK(asked.over("1 + 2", 0, 1) == "{} 3 3");
}

}  // namespace
}  // namespace volta::test
