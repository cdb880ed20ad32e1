#include "prom/engine_source.hpp"

#include <functional>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "fake_http.hpp"
#include "model/query_string.hpp"

namespace volta {
namespace {

using test::FakeHttp;

QuerySeries source_series_of(Labels labels) {
  QuerySeries series;
  series.labels = std::make_shared<const Labels>(std::move(labels));
  return series;
}

FakeHttp::Answer data(const std::string& text) {
  return FakeHttp::status(200, {}, R"({"status":"success","data":)" + text + "}");
}

struct EngineReading {
  FakeHttp http;
  EngineClient client{{"http://x/w", "http://x", {}}, http};
  EngineSource source{client};

  std::string asked(std::size_t request, std::string_view key) const {
    const auto pairs = parse_query_pairs(http.requests().at(request).body);
    REQUIRE(pairs);
    return std::string(pairs->first(key).value_or("(none)"));
  }
};

TEST_CASE("a selector of series holds each of them and little else") {
  const auto a = source_series_of({{"__name__", "up"}, {"job", "a.b"}, {"zone", "1"}});
  const auto b = source_series_of({{"__name__", "up"}, {"job", "c\"d"}});
  const QuerySeries* const one[] = {&a};
  CHECK(selector_of(one) == R"({__name__="up",job="a.b",zone="1"})");
  const QuerySeries* const both[] = {&a, &b};
  CHECK(selector_of(both) == R"({__name__="up",job=~"a\\.b|c\\\"d",zone=~"|1"})");
}

TEST_CASE("series of another engine") {
  EngineReading reading;
  reading.http.next(data(R"([{"__name__":"x_total","b":"1"},{"__name__":"g","a":"1"}])"));
  const Matchers matchers{LabelMatcher::equal("job", "n")};
  const auto found = reading.source.select(matchers, {1000, 2500}, 10);
  REQUIRE(found);
  REQUIRE(found->size() == 2);
  CHECK(*(*found)[0].labels == Labels{{"__name__", "g"}, {"a", "1"}});
  CHECK((*found)[0].kind == Kind::gauge);
  CHECK((*found)[1].kind == Kind::counter);
  CHECK(reading.asked(0, "match[]") == R"({job="n"})");
  CHECK(reading.asked(0, "start") == "1");
  CHECK(reading.asked(0, "end") == "2.500");
  reading.http.next(data("[{},{},{}]"));
  const auto many = reading.source.select(matchers, {0, 1}, 2);
  REQUIRE_FALSE(many);
  CHECK(many.error().text == "more than 2 series match; narrow it with more matchers");
  reading.http.next(data("[[]]"));
  CHECK_THROWS_AS(reading.source.select(matchers, {0, 1}, 2), Failure);
}

TEST_CASE("samples are read in parts, and only those that were asked for come out") {
  EngineReading reading;
  const std::vector<QuerySeries> series = {source_series_of({{"__name__", "x"}, {"i", "1"}}),
                                           source_series_of({{"__name__", "y"}}),
                                           source_series_of({{"__name__", "x"}, {"i", "2"}})};
  // 7200 s of x, the rest of x, then y.
  reading.http.next(data(R"({"resultType":"matrix","result":[
    {"metric":{"__name__":"x","i":"1"},"values":[[0.999,"7"],[1,"1"],[7200.999,"2"],[7201,"8"]]},
    {"metric":{"__name__":"x","i":"3"},"values":[[1,"9"]]}]})"));
  reading.http.next(data(R"({"resultType":"matrix","result":[
    {"metric":{"__name__":"x","i":"1"},"values":[[7201,"3"]]},
    {"metric":{"__name__":"x","i":"2"},"values":[[7202,"4"]]}]})"));
  reading.http.otherwise = data(R"({"resultType":"matrix","result":[]})");
  std::map<std::size_t, std::vector<std::pair<std::int64_t, double>>> got;
  reading.source.read(series, {1'000, 7'300'000}, [&](std::size_t i, const SampleSlice& slice) {
    auto& out = got[i];
    for (std::size_t k = 0; k < slice.times_ms.size(); ++k) {
      out.emplace_back(slice.times_ms[k], slice.values[k]);
    }
    return true;
  });
  using Samples = std::vector<std::pair<std::int64_t, double>>;
  CHECK(got.at(0) == Samples{{1'000, 1}, {7'200'999, 2}, {7'201'000, 3}});
  CHECK(got.at(1).empty());
  CHECK(got.at(2) == Samples{{7'202'000, 4}});
  CHECK(reading.http.requests().size() == 4);
  CHECK(reading.asked(0, "query") == R"({__name__="x",i=~"1|2"}[7200000ms])");
  CHECK(reading.asked(0, "time") == "7200.999");
  CHECK(reading.asked(1, "query") == R"({__name__="x",i=~"1|2"}[99001ms])");
  CHECK(reading.asked(2, "query") == R"({__name__="y"}[7200000ms])");
}

TEST_CASE("samples that are too many at once are asked for in halves, or refused as a whole") {
  EngineReading reading;
  // Takes a quarter of an hour of one series at most. A sample every 100 s.
  bool takes_any = true;
  reading.http.otherwise = [&](const OutboundRequest& request) {
    const auto pairs = parse_query_pairs(request.body);
    const std::string query(pairs->first("query").value_or(""));
    const std::int64_t range = std::stoll(query.substr(query.find('[') + 1));
    const auto end = static_cast<std::int64_t>(
        std::stod(std::string(pairs->first("time").value_or("0"))) * 1000 + 0.5);
    if (!takes_any || range > 900'001 || query.find('|') != std::string::npos) {
      return FakeHttp::status(422, {},
                              R"({"status":"error","errorType":"execution","error":"x"})")(request);
    }
    std::string values;
    for (std::int64_t time = 0; time <= end; time += 100'000) {
      if (time < end - range + 1) continue;
      values += (values.empty() ? "[" : ",[") + std::to_string(time / 1000) + ",\"1\"]";
    }
    const std::string i = query.find("i=\"1\"") != std::string::npos ? "1" : "2";
    return data(R"({"resultType":"matrix","result":[{"metric":{"__name__":"x","i":")" + i +
                R"("},"values":[)" + values + "]}]}")(request);
  };
  const std::vector<QuerySeries> series = {source_series_of({{"__name__", "x"}, {"i", "1"}}),
                                           source_series_of({{"__name__", "x"}, {"i", "2"}})};
  std::vector<std::vector<std::int64_t>> got(2);
  const auto keep = [&](std::size_t i, const SampleSlice& slice) {
    got[i].assign(slice.times_ms.begin(), slice.times_ms.end());
    return true;
  };
  reading.source.read(series, {0, 9'000'000}, keep);
  std::vector<std::int64_t> want;
  for (std::int64_t time = 0; time <= 9'000'000; time += 100'000) want.push_back(time);
  CHECK(got[0] == want);
  CHECK(got[1] == want);

  takes_any = false;
  const std::size_t before = reading.http.requests().size();
  try {
    reading.source.read(series, {0, 9'000'000}, keep);
    FAIL("an answer that is less than was asked for");
  } catch (const QueryFailed& failed) {
    CHECK(failed.failure().kind == QueryFailure::Kind::execution);
    CHECK(failed.failure().text == "x (ask for a shorter time or fewer series)");
  }
  CHECK(reading.http.requests().size() - before <= 2 * EngineSource::kMostSplits + 1);
}

TEST_CASE("of a long time only the days with samples are read") {
  EngineReading reading;
  constexpr std::int64_t kDay = 86'400'000;
  const std::vector<QuerySeries> series = {source_series_of({{"__name__", "x"}})};
  double count = 2;
  std::vector<std::string> counted;
  reading.http.otherwise = [&](const OutboundRequest& request) {
    const auto pairs = parse_query_pairs(request.body);
    if (request.url.ends_with("query_range")) {
      counted.push_back(std::string(pairs->first("query").value_or("")) + " " +
                        std::string(pairs->first("start").value_or("")) + ".." +
                        std::string(pairs->first("end").value_or("")) + "/" +
                        std::string(pairs->first("step").value_or("")));
      const std::string end(pairs->first("end").value_or(""));
      const std::string day = end.starts_with("172808") || end == "1728000000" ? end : "864000";
      return data(R"({"resultType":"matrix","result":[{"metric":{},"values":[[)" + day + ",\"" +
                  std::to_string(count) + "\"]]}]}")(request);
    }
    const std::string time(pairs->first("time").value_or(""));
    const std::string values = time == "864000"       ? "[864000,\"1\"]"
                               : time == "1728000000" ? "[1727999999,\"2\"],[1728000000,\"3\"]"
                               : time == "1728086399" ? "[1728086399,\"4\"]"
                                                      : "";
    return data(R"({"resultType":"matrix","result":[{"metric":{"__name__":"x"},"values":[)" +
                values + "]}]}")(request);
  };
  std::vector<double> got;
  const auto keep = [&](std::size_t, const SampleSlice& slice) {
    got.assign(slice.values.begin(), slice.values.end());
    return true;
  };
  reading.source.read(series, {0, 20'000 * kDay + kDay - 1000}, keep);
  CHECK(got == std::vector<double>{1, 2, 3, 4});
  CHECK(counted == std::vector<std::string>{
                       R"(sum(count_over_time({__name__="x"}[1d])) 86400..864000000/86400)",
                       R"(sum(count_over_time({__name__="x"}[1d])) 864086400..1728000000/86400)",
                       R"(sum(count_over_time({__name__="x"}[1d])) 1728086400..1728086400/86400)"});
  CHECK(reading.http.requests().size() == 3 + 3 * 12);
  // Nothing is counted for a day, nor for no series.
  counted.clear();
  reading.source.read(series, {0, kDay - 1}, keep);
  reading.source.read({}, {0, 31 * kDay}, keep);
  CHECK(counted.empty());
  count = 1e9;
  try {
    reading.source.read(series, {0, 40 * kDay}, keep);
    FAIL("more than fits");
  } catch (const QueryFailed& failed) {
    CHECK(failed.failure().kind == QueryFailure::Kind::execution);
    CHECK(failed.failure().text ==
          "another engine is asked for at most 10000000 samples of a few series at a time; ask for "
          "a shorter time");
  }
}

TEST_CASE("names, values and metadata of another engine") {
  EngineReading reading;
  reading.http.next(data(R"(["b","a","b",7])"));
  CHECK(reading.source.label_names({}, {0, 1000}) == std::vector<std::string>{"a", "b"});
  reading.http.next(data(R"(["v"])"));
  const Matchers any[] = {{LabelMatcher::equal("a", "1")}, {LabelMatcher::equal("b", "2")}};
  CHECK(reading.source.label_values("job", any, {0, 1000}) == std::vector<std::string>{"v"});
  CHECK(reading.http.requests()[1].url ==
        "http://x/api/v1/label/job/values?match%5B%5D=%7Ba%3D%221%22%7D&"
        "match%5B%5D=%7Bb%3D%222%22%7D&start=1&end=1");
  reading.http.next(data(R"({"up":[{"type":"gauge","help":"h","unit":""}],"x":[],"y":7})"));
  const auto metadata = reading.source.metadata("");
  REQUIRE(metadata.size() == 1);
  CHECK(metadata[0].name == "up");
  CHECK(metadata[0].type == "gauge");
  CHECK(metadata[0].help == "h");
  reading.http.otherwise = FakeHttp::status(500, {}, "oops");
  CHECK_THROWS_AS(reading.source.label_names({}, {0, 1}), Failure);
}

TEST_CASE("label names beyond the old rule are quoted, or refused in clear words") {
  EngineReading reading;
  const Matchers odd{LabelMatcher::equal("http.status", "2")};
  reading.http.next(data(R"([{"__name__":"x","http.status":"2"}])"));
  const auto found = reading.source.select(odd, {1000, 2000}, 10);
  REQUIRE(found);
  CHECK(reading.asked(0, "match[]") == R"({"http.status"="2"})");
  // Its samples need no quoted name: the others, and the comparison afterwards, will do.
  const QuerySeries* const series[] = {&found->front()};
  CHECK(selector_of(series) == R"({__name__="x"})");
  const auto nameless = source_series_of({{"a.b", "1"}});
  const QuerySeries* const only_odd[] = {&nameless};
  CHECK(selector_of(only_odd) == R"({"a.b"="1"})");

  reading.http.next(data(R"([{"a.b":"2"},{"a.b":"1"},{"c":"3"},{"a.b":"2"}])"));
  CHECK(reading.source.label_values("a.b", {}, {1000, 2000}) == std::vector<std::string>{"1", "2"});
  CHECK(reading.http.requests()[1].url == "http://x/api/v1/series");
  CHECK(reading.asked(1, "match[]") == R"({"a.b"!=""})");
  reading.http.next(data(R"([{"a.b":"2"}])"));
  const Matchers any[] = {{LabelMatcher::equal("c", "3")}};
  CHECK(reading.source.label_values("a.b", any, {1000, 2000}) == std::vector<std::string>{"2"});
  CHECK(reading.asked(2, "match[]") == R"({c="3"})");

  reading.http.otherwise = FakeHttp::status(
      400, {}, R"({"status":"error","errorType":"bad_data","error":"1:2: unexpected string"})");
  const std::string want =
      "the engine behind does not understand the label name \"http.status\": names beyond "
      "[a-zA-Z_][a-zA-Z0-9_]* are quoted, as Prometheus does since 3.0 (1:2: unexpected string)";
  const Matchers many[] = {{LabelMatcher::equal("c", "3")}, odd};
  const std::function<void()> questions[] = {
      [&] {
        (void)reading.source.select(odd, {1000, 2000}, 10);
      },
      [&] {
        (void)reading.source.label_names(many, {1000, 2000});
      },
      [&] {
        (void)reading.source.label_values("c", many, {1000, 2000});
      },
      [&] {
        (void)reading.source.label_values("http.status", {}, {1000, 2000});
      }};
  for (const auto& question : questions) {
    try {
      question();
      FAIL("a name that is not understood");
    } catch (const QueryFailed& failed) {
      CHECK(failed.failure().kind == QueryFailure::Kind::bad_data);
      CHECK(failed.failure().text == want);
    }
  }
  // Others' mistakes stay as they are.
  try {
    (void)reading.source.label_names(any, {1000, 2000});
    FAIL("a refusal");
  } catch (const QueryFailed& failed) {
    CHECK(failed.failure().text == "1:2: unexpected string");
  }
}

TEST_CASE("what one request may ask ends with its time and its client") {
  EngineReading reading;
  reading.http.otherwise = data("[]");
  const auto failure_of = [](const SeriesSource& source) -> std::optional<QueryFailure::Kind> {
    try {
      (void)source.label_names({}, {0, 1000});
    } catch (const QueryFailed& failed) {
      return failed.failure().kind;
    }
    return std::nullopt;
  };
  std::atomic<bool> gone{false};
  const auto bounded = reading.source.bounded(std::chrono::seconds(5), &gone);
  REQUIRE(bounded);
  CHECK_FALSE(failure_of(*bounded));
  const OutboundRequest asked = reading.http.requests().at(0);
  CHECK(asked.cancel == &gone);
  CHECK(asked.timeout_ms <= 5000);
  CHECK(asked.timeout_ms > 0);
  gone = true;
  CHECK(failure_of(*bounded) == QueryFailure::Kind::canceled);
  const auto late = reading.source.bounded(std::chrono::milliseconds(-1), nullptr);
  CHECK(failure_of(*late) == QueryFailure::Kind::timeout);
  CHECK(reading.http.requests().size() == 1);
}

TEST_CASE("another engine has no tiers") {
  EngineReading reading;
  CHECK(reading.source.oldest_ms(Tier::raw) == 0);
  CHECK_FALSE(reading.source.oldest_ms(Tier::minute));
  CHECK_FALSE(reading.source.oldest_ms(Tier::hour));
  const std::vector<QuerySeries> series = {source_series_of({{"__name__", "x"}})};
  std::size_t visited = 0;
  reading.source.read_windows(series, Tier::hour, {0, 1},
                              [&](std::size_t, const WindowColumn& column) {
                                ++visited;
                                return column.size() == 0;
                              });
  CHECK(visited == 1);
  CHECK(reading.http.requests().empty());
}

}  // namespace
}  // namespace volta
