#include <thread>

#include "api/prometheus_fakes.hpp"
#include "base/text.hpp"

namespace volta::test {
namespace {

constexpr const char* kQuery = "/prometheus/api/v1/query";
constexpr const char* kRange = "/prometheus/api/v1/query_range";
constexpr std::int64_t kNowMs = 1'795'226'940'000;

std::string bad(const std::string& text) { return failure("bad_data", text); }

}  // namespace

TEST_CASE("instant queries") {
  PrometheusHouse house;
  const auto check = [&](const HttpRequest& asked, int status, const std::string& body) {
    const HttpResponse response = house.api.handle(asked);
    INFO(asked.method << ' ' << asked.path << '?' << asked.query << ' ' << asked.body);
    CHECK(response.status == status);
    CHECK(response.body == body);
    CHECK(response.content_type == "application/json");
  };
  const auto get = [&](const std::string& query, int status, const std::string& body) {
    check(request("GET", kQuery + query), status, body);
  };
  get("?query=1%2B1&time=1795227181.224", 200, "scalar 2 @1795227181224");
  CHECK(house.engine.asked == "1+1 @1795227181224");
  get("?query=1%2B1", 200, "scalar 2 @" + std::to_string(kNowMs));
  get("?query=1%2B1&time=2026-11-21T02:09:00Z&unknown=1", 200, "scalar 2 @1795226940000");
  check(form_post(kQuery, "query=1%2B1&time=5"), 200, "scalar 2 @5000");
  check(form_post(std::string(kQuery) + "?query=2&time=7", "query=1%2B1"), 200, "scalar 2 @7000");
  get("?query=two", 200, "vector 1 2 (a note)");
  get("?query=two&limit=1", 200, "vector 1 (a note) (results truncated due to limit)");
  get("?query=two&limit=0", 200, "vector 1 2 (a note)");

  get("", 400, bad("invalid parameter \"query\": 1:1: parse error: no expression found in input"));
  get("?query=1%2B", 400,
      bad("invalid parameter \"query\": 1:3: parse error: unexpected end of input"));
  get("?query=1&time=abc", 400,
      bad("invalid parameter \"time\": Invalid time value for 'time': cannot parse \"abc\" to a "
          "valid timestamp"));
  get("?query=1&timeout=abc", 400,
      bad("invalid parameter \"timeout\": cannot parse \"abc\" to a valid duration"));
  get("?query=1&lookback_delta=x", 400,
      bad("invalid parameter \"lookback_delta\": cannot parse \"x\" to a valid duration"));
  get("?query=1&limit=x", 400, bad("limit must be a number"));
  get("?query=%zz", 400, bad("the query has a '%' without two hexadecimal digits"));
  get("?query=1&timeout=0", 503, failure("timeout", "query timed out in query queue"));
  get("?query=1&timeout=-5", 503, failure("timeout", "query timed out in query queue"));
}

TEST_CASE("failures of a query have Prometheus' types and statuses") {
  PrometheusHouse house;
  const auto check = [&](const std::string& query, int status, const std::string& body) {
    const HttpResponse response = house.api.handle(request("GET", kQuery + ("?query=" + query)));
    INFO(query);
    CHECK(response.status == status);
    CHECK(response.body == body);
  };
  check("type", 400, bad("invalid expression type"));
  check("many", 422, failure("execution", "many-to-many"));
  check("slow", 503, failure("timeout", "query timed out"));
  check("stop", 503, failure("canceled", "query was canceled"));
  check("away", 503, failure("unavailable", "the engine is away"));
  check("broken", 500, failure("internal", "cannot happen"));
}

TEST_CASE("range queries") {
  PrometheusHouse house;
  const auto check = [&](const std::string& query, int status, const std::string& body) {
    const HttpResponse response = house.api.handle(request("GET", kRange + query));
    INFO(query);
    CHECK(response.status == status);
    CHECK(response.body == body);
    const HttpResponse posted = house.api.handle(form_post(kRange, query.substr(1)));
    CHECK(posted.status == status);
    CHECK(posted.body == body);
  };
  check("?query=up&start=10&end=20.5&step=5", 200, "matrix 1 2");
  CHECK(house.engine.asked == "up @10000..20500/5000");
  check("?query=up&start=2026-11-21T02:09:00Z&end=1795226940&step=1h30m", 200, "matrix 1 2");
  CHECK(house.engine.asked == "up @1795226940000..1795226940000/5400000");
  check("?query=up&start=0&end=11000&step=1", 200, "matrix 1 2");
  CHECK(house.engine.limits.most_points == 11'000);
  check("?query=up&start=0&end=1&step=1&limit=1", 200, "matrix 1 (results truncated due to limit)");

  const std::string step = "invalid parameter \"step\": ";
  const std::string zero =
      "zero or negative query resolution step widths are not accepted. Try a positive integer";
  check("?query=1", 400,
        bad("invalid parameter \"start\": cannot parse \"\" to a valid timestamp"));
  check("?query=1&start=0&end=abc", 400,
        bad("invalid parameter \"end\": cannot parse \"abc\" to a valid timestamp"));
  check("?query=1&start=10&end=5&step=1", 400,
        bad("invalid parameter \"end\": end timestamp must not be before start time"));
  check("?query=1&start=0&end=5", 400, bad(step + "cannot parse \"\" to a valid duration"));
  check("?query=1&start=0&end=5&step=0", 400, bad(step + zero));
  check("?query=1&start=0&end=5&step=-1", 400, bad(step + zero));
  check("?query=1&start=0&end=5&step=0.0001", 400, bad(step + zero));
  check("?query=1&start=0&end=5&step=1e30", 400,
        bad(step + "cannot parse \"1e30\" to a valid duration. It overflows int64"));
  check("?query=1&start=0&end=11001&step=1", 400,
        bad("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
            "query resolution (?step=XX)"));
  check("?query=1%2B&start=0&end=5&step=1", 400,
        bad("invalid parameter \"query\": 1:3: parse error: unexpected end of input"));
}

TEST_CASE("a client may lower the limits, never raise them") {
  PrometheusHouse house;
  const auto ask = [&](const std::string& query) {
    CHECK(house.api.handle(request("GET", kQuery + ("?query=1" + query))).status == 200);
    return house.engine.limits;
  };
  CHECK(ask("").timeout == std::chrono::minutes(2));
  CHECK(ask("&timeout=5s").timeout == std::chrono::seconds(5));
  CHECK(ask("&timeout=1h").timeout == std::chrono::minutes(2));
  CHECK(ask("").lookback == std::chrono::minutes(5));
  CHECK(ask("&lookback_delta=90").lookback == std::chrono::seconds(90));
  CHECK(ask("&lookback_delta=0").lookback == std::chrono::minutes(5));
}

TEST_CASE("format_query and query_exemplars") {
  PrometheusHouse house;
  const auto check = [&](const std::string& target, int status, const std::string& body) {
    const HttpResponse response = house.api.handle(request("GET", "/prometheus/api/v1/" + target));
    INFO(target);
    CHECK(response.status == status);
    CHECK(response.body == body);
  };
  check("format_query?query=1%2B1", 200, success("\"[1+1]\""));
  check("format_query?query=1%2B", 400,
        bad("invalid parameter \"query\": 1:3: parse error: unexpected end of input"));
  check("query_exemplars?query=test&start=1&end=2", 200, success("[]"));
  check("query_exemplars", 400, bad("1:1: parse error: no expression found in input"));
  check("query_exemplars?query=test&start=x", 400,
        bad("invalid parameter \"start\": Invalid time value for 'start': cannot parse \"x\" to a "
            "valid timestamp"));
}

TEST_CASE("only so many queries run at once") {
  PrometheusHouse house([](PrometheusParts& parts) {
    parts.most_queries = 1;
    parts.most_waiting_queries = 0;
  });
  HttpResponse first;
  std::thread running([&] {
    first = house.api.handle(request("GET", "/prometheus/api/v1/query?query=wait&time=1"));
  });
  house.engine.wait_until_inside(1);
  const HttpResponse second = house.api.handle(request("GET", "/prometheus/api/v1/query?query=1"));
  CHECK(second.status == 503);
  CHECK(second.body == failure("unavailable",
                               "too many queries at once: 1 are running and more are waiting; ask "
                               "again in a moment"));
  CHECK(header_of(second, "Retry-After") == "1");
  CHECK(house.api.handle(request("GET", "/prometheus/api/v1/labels")).status == 503);
  CHECK(house.api.handle(request("GET", "/prometheus/-/healthy")).status == 200);
  house.engine.release();
  running.join();
  CHECK(first.body == "scalar 2 @1000");
  CHECK(house.api.handle(request("GET", "/prometheus/api/v1/query?query=1")).status == 200);
}

TEST_CASE("a stop ends what runs") {
  PrometheusHouse house;
  HttpResponse first;
  std::thread running([&] {
    first = house.api.handle(request("GET", "/prometheus/api/v1/query?query=wait&time=1"));
  });
  house.engine.wait_until_inside(1);
  house.api.cancel_queries();
  house.engine.release();
  running.join();
  CHECK(first.status == 200);
}

TEST_CASE("a client that has gone ends its own query, and no other") {
  PrometheusHouse house;
  std::atomic<bool> gone{true};
  HttpRequest asked = request("GET", "/prometheus/api/v1/query?query=wait&time=1");
  asked.cancelled = &gone;
  CHECK(house.api.handle(asked).status == 200);  // the fake's answer, once it stopped waiting
  CHECK(house.engine.inside == 1);
  CHECK(house.api.handle(request("GET", "/prometheus/api/v1/labels")).status == 200);
}

TEST_CASE("a role without an engine says so") {
  House house;
  for (const char* target : {"query?query=1", "query_range?query=1&start=0&end=1&step=1", "labels",
                             "series?match[]=up", "format_query?query=1"}) {
    INFO(target);
    const HttpResponse response =
        house.api.handle(request("GET", "/prometheus/api/v1/" + std::string(target)));
    CHECK(response.status == 503);
    CHECK(response.body == failure("unavailable", "this volta has no query engine"));
  }
  const HttpResponse write =
      house.api.handle(as_admin(request("POST", "/prometheus/api/v1/write")));
  CHECK(write.status == 503);
  CHECK(write.body == failure("unavailable", "this volta has no remote write receiver"));
}

}  // namespace volta::test
