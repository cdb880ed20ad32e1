#include "prom/engine_range.hpp"

#include <cmath>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "fake_http.hpp"
#include "model/query_string.hpp"

namespace volta {
namespace {

using test::FakeHttp;

// Knows one counter.
class OneSeries final : public SeriesIndex {
 public:
  std::vector<SeriesRecord> find(HostId host, std::string_view name) const override {
    if (name != "volta_read_bytes_total") return {};
    SeriesDef def;
    def.name = name;
    def.kind = Kind::counter;
    def.unit = "bytes";
    return {SeriesRecord(SeriesId{1}, host, std::move(def))};
  }
};

// Formats and selectors are none of the page's questions.
class Wordless final : public QueryEngine {
 public:
  QueryOutcome instant(const InstantQuery&, const QueryLimits&,
                       const std::atomic<bool>*) const override {
    return QueryFailure{};
  }
  QueryOutcome range(const RangeQuery&, const QueryLimits&,
                     const std::atomic<bool>*) const override {
    return QueryFailure{};
  }
  Result<std::string> format(std::string_view) const override { return Error{"none"}; }
  Result<Matchers> selector(std::string_view) const override { return Error{"none"}; }
};

struct PageAsking {
  FakeHttp http;
  EngineClient client{{"http://x/w", "http://x", {}}, http};
  Wordless language;
  EngineQuery engine{client, language};
  OneSeries index;
  EngineRange ranges{engine, index};

  void next(const std::string& data) {
    http.next(FakeHttp::status(200, {}, R"({"status":"success","data":)" + data + "}"));
  }
  std::string asked(std::size_t request, std::string_view key) const {
    const auto pairs = parse_query_pairs(http.requests().at(request).body);
    REQUIRE(pairs);
    return std::string(pairs->first(key).value_or("(none)"));
  }
};

RangeQuestion question_of(const std::string& name, Labels matchers) {
  return {{HostId{1}, "box", name, std::move(matchers)}, 12'000, 31'000, 10'000, std::nullopt};
}

}  // namespace

TEST_CASE("a page's range is one range query, answered at the ends of its steps") {
  PageAsking page;
  page.next(R"({"resultType":"matrix","result":[
    {"metric":{"__name__":"x","host":"box","zone":"a"},"values":[[20,"1"],[40,"3"]]}]})");
  const auto outcome = page.ranges.range(question_of("volta_load1", {{"zone", "a"}}), {});
  const auto& answer = std::get<RangeAnswer>(outcome);
  CHECK(answer.timestamps_ms == std::vector<std::int64_t>{10'000, 20'000, 30'000});
  REQUIRE(answer.rows.size() == 1);
  CHECK(answer.rows[0].labels == Labels{{"zone", "a"}});
  CHECK(answer.rows[0].values[0] == 1);
  CHECK(std::isnan(answer.rows[0].values[1]));
  CHECK(answer.rows[0].values[2] == 3);
  CHECK(page.asked(0, "query") ==
        R"(avg_over_time({__name__="volta_load1",host="box",zone="a"}[10000ms]))");
  CHECK(page.asked(0, "start") == "20");
  CHECK(page.asked(0, "end") == "40");
}

TEST_CASE("the unit of a rate is per second") {
  PageAsking page;
  RangeQuestion question = question_of("volta_read_bytes_total", {});
  const auto unit = [&] {
    page.next(R"({"resultType":"matrix","result":[]})");
    return std::get<RangeAnswer>(page.ranges.range(question, {})).unit;
  };
  CHECK(unit() == "bytes/s");
  question.aggregation = Aggregation::last;
  CHECK(unit() == "bytes");
}

TEST_CASE("the catalogue knows what this server's index does not") {
  PageAsking page;
  const auto asked_of = [&](const std::string& name, std::optional<Aggregation> aggregation) {
    page.next(R"({"resultType":"matrix","result":[]})");
    RangeQuestion question = question_of(name, {});
    question.aggregation = aggregation;
    const auto outcome = page.ranges.range(question, {});
    const std::string query = page.asked(page.http.requests().size() - 1, "query");
    return std::get<RangeAnswer>(outcome).unit + " " + query.substr(0, query.find('('));
  };
  CHECK(asked_of("volta_memory_total_bytes", std::nullopt) == "bytes avg_over_time");
  CHECK(asked_of("volta_cpu_seconds_total", std::nullopt) == "seconds/s rate");
  CHECK(asked_of("volta_cpu_seconds_total", Aggregation::last) == "seconds last_over_time");
  CHECK(asked_of("outside_total", Aggregation::max) == " max_over_time");
}

TEST_CASE("a range that is too much at once is asked for in parts, or refused as a whole") {
  PageAsking page;
  std::int64_t longest_ms = 25'000;
  page.http.otherwise = [&](const OutboundRequest& request) {
    const auto pairs = parse_query_pairs(request.body);
    const auto number = [&](const char* key) {
      return std::stoll(std::string(pairs->first(key).value_or("0")));
    };
    if ((number("end") - number("start")) * 1000 > longest_ms) {
      return FakeHttp::status(
          422, {}, R"({"status":"error","errorType":"execution","error":"too many"})")(request);
    }
    std::string values;
    for (auto time = number("start"); time <= number("end"); time += number("step")) {
      values += (values.empty() ? "[" : ",[") + std::to_string(time) + ",\"" +
                std::to_string(time) + "\"]";
    }
    return FakeHttp::status(
        200, {},
        R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"1"},"values":[)" +
            values + "]}]}}")(request);
  };
  RangeQuestion question = question_of("volta_load1", {});
  question.start_ms = 0;
  question.end_ms = 99'000;
  const auto outcome = page.ranges.range(question, {});
  const auto& answer = std::get<RangeAnswer>(outcome);
  REQUIRE(answer.rows.size() == 1);
  REQUIRE(answer.rows[0].values.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(answer.rows[0].values[i] == static_cast<double>(10 * (i + 1)));
  }
  longest_ms = -1;
  const auto refused = page.ranges.range(question, {});
  CHECK(std::get<QueryFailure>(refused).kind == QueryFailure::Kind::execution);
  CHECK(std::get<QueryFailure>(refused).text ==
        "too many (ask for a longer step or a shorter range)");
}

TEST_CASE("a page's questions end with whoever asked them") {
  PageAsking page;
  std::atomic<bool> gone{false};
  page.http.otherwise = [&](const OutboundRequest& request) -> OutboundResponse {
    CHECK(request.cancel == &gone);
    gone = true;
    throw Failure("the request was cancelled");
  };
  RangeQuestion range = question_of("volta_load1", {});
  range.cancel = &gone;
  const auto outcome = page.ranges.range(range, {});
  CHECK(std::get<QueryFailure>(outcome).kind == QueryFailure::Kind::canceled);
  gone = false;
  const auto grown = page.ranges.growth({range.metric, 0, 10'000, &gone}, {});
  CHECK(std::get<QueryFailure>(grown).kind == QueryFailure::Kind::canceled);
  CHECK(page.http.requests().size() == 2);
}

}  // namespace volta
