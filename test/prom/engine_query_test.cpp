#include "prom/engine_query.hpp"

#include <cmath>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "fake_http.hpp"

namespace volta {
namespace {

using test::FakeHttp;

class NoLanguage final : public QueryEngine {
 public:
  QueryOutcome instant(const InstantQuery&, const QueryLimits&,
                       const std::atomic<bool>*) const override {
    return QueryFailure{};
  }
  QueryOutcome range(const RangeQuery&, const QueryLimits&,
                     const std::atomic<bool>*) const override {
    return QueryFailure{};
  }
  Result<std::string> format(std::string_view expression) const override {
    return "<" + std::string(expression) + ">";
  }
  Result<Matchers> selector(std::string_view) const override { return Error{"none"}; }
};

struct Asking {
  FakeHttp http;
  EngineClient client{{"http://x/w", "http://x", {}}, http};
  NoLanguage language;
  EngineQuery engine{client, language};

  QueryOutcome instant(const std::string& data) {
    http.next(FakeHttp::text(R"({"status":"success","data":)" + data + "}", "application/json"));
    return engine.instant({"up", 1'795'227'181'224}, {}, nullptr);
  }
};

TEST_CASE("values of another engine come through bit by bit") {
  Asking asking;
  const auto outcome = asking.instant(R"({"resultType":"vector","result":[
    {"metric":{"b":"2","__name__":"up","e":""},"value":[1795227181.224,"0.1"]},
    {"metric":{},"value":[1795227181,"+Inf"]},{"metric":{},"value":[1795227181.5,"-Inf"]},
    {"metric":{},"value":[0,"NaN"]},{"metric":{},"value":[-1.001,"1.7976931348623157e+308"]},
    {"metric":{},"value":[0,"-0"]},{"metric":{},"histogram":[0,{}]}]})");
  const auto& answer = std::get<QueryAnswer>(outcome);
  const auto& elements = std::get<VectorValue>(answer.value).elements;
  REQUIRE(elements.size() == 6);
  CHECK(*elements[0].labels == Labels{{"__name__", "up"}, {"b", "2"}});
  CHECK(elements[0].time_ms == 1'795'227'181'224);
  CHECK(elements[0].value == 0.1);
  CHECK(elements[1].value == INFINITY);
  CHECK(elements[2].time_ms == 1'795'227'181'500);
  CHECK(elements[2].value == -INFINITY);
  CHECK(std::isnan(elements[3].value));
  CHECK(elements[4].time_ms == -1001);
  CHECK(elements[4].value == 1.7976931348623157e308);
  CHECK(std::signbit(elements[5].value));
  REQUIRE(answer.warnings.size() == 1);
  CHECK(answer.warnings[0] == "1 series have native histograms, which are left out");
}

TEST_CASE("scalars, texts and matrices; rows are ordered by labels") {
  Asking asking;
  const auto scalar =
      std::get<QueryAnswer>(asking.instant(R"({"resultType":"scalar","result":[1,"2.5"]})"));
  CHECK(std::get<ScalarValue>(scalar.value).value == 2.5);
  const auto text =
      std::get<QueryAnswer>(asking.instant(R"({"resultType":"string","result":[1,"x"]})"));
  CHECK(std::get<StringValue>(text.value).value == "x");
  const auto matrix = std::get<QueryAnswer>(asking.instant(
      R"({"resultType":"matrix","result":[{"metric":{"a":"2"},"values":[[1,"1"],[2,"2"]]},
          {"metric":{"a":"1"},"values":[]}]})"));
  const auto& rows = std::get<MatrixValue>(matrix.value).rows;
  REQUIRE(rows.size() == 2);
  CHECK(*rows[0].labels == Labels{{"a", "1"}});
  CHECK(rows[1].times_ms == std::vector<std::int64_t>{1000, 2000});
  CHECK(rows[1].values == std::vector{1.0, 2.0});
}

TEST_CASE("an answer that is no query's result is an error, never a guess") {
  const char* const broken[] = {
      "[]",
      "null",
      R"({"resultType":"vector"})",
      R"({"resultType":"vector","result":{}})",
      R"({"resultType":"vector","result":[{"metric":{},"value":[1]}]})",
      R"({"resultType":"vector","result":[{"metric":{},"value":[1,2]}]})",
      R"({"resultType":"vector","result":[{"metric":{},"value":["1","2"]}]})",
      R"({"resultType":"vector","result":[{"metric":{},"value":[1e300,"2"]}]})",
      R"({"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"2"]}]})",
      R"({"resultType":"vector","result":[{"value":[1,"2"]}]})",
      R"({"resultType":"vector","result":[{"metric":{},"value":[1,"2x"]}]})",
      R"({"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"],[1]]}]})",
      R"({"resultType":"scalar","result":[1]})",
      R"({"resultType":"string","result":[1,2]})",
      R"({"resultType":"heap","result":[]})"};
  for (const char* data : broken) {
    CAPTURE(data);
    Asking asking;
    const auto outcome = asking.instant(data);
    const auto* failure = std::get_if<QueryFailure>(&outcome);
    REQUIRE(failure != nullptr);
    CHECK(failure->kind == QueryFailure::Kind::unavailable);
  }
}

TEST_CASE("what an engine is asked") {
  Asking asking;
  asking.http.otherwise = FakeHttp::status(
      200, {}, R"({"status":"success","data":{"resultType":"matrix","result":[]}})");
  QueryLimits limits;
  limits.timeout = std::chrono::milliseconds(1500);
  (void)asking.engine.range({"rate(x[5m])", 1'000, 61'500, 500}, limits, nullptr);
  limits.lookback = std::chrono::milliseconds(60'000);
  (void)asking.engine.instant({"x", 1'000}, limits, nullptr);
  const auto requests = asking.http.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].url == "http://x/api/v1/query_range");
  CHECK(requests[0].body ==
        "query=rate%28x%5B5m%5D%29&start=1&end=61.500&step=0.500&timeout=1500ms");
  CHECK(requests[0].timeout_ms == 3500);
  CHECK(requests[1].body == "query=x&time=1&timeout=1500ms&lookback_delta=60000ms");
  CHECK(asking.engine.format("x").value() == "<x>");
}

}  // namespace
}  // namespace volta
