#include "api/prometheus_fakes.hpp"

namespace volta::test {
namespace {

void check_status(House& house, const HttpRequest& asked, int status, const std::string& body) {
  const HttpResponse response = house.api.handle(asked);
  INFO(asked.method << ' ' << asked.path << '?' << asked.query);
  CHECK(response.status == status);
  CHECK(response.body == body);
}

HttpRequest v1(const std::string& target) { return request("GET", "/prometheus/api/v1/" + target); }

}  // namespace

TEST_CASE("what Prometheus' clients ask about the server") {
  PrometheusHouse house;
  check_status(house, v1("status/buildinfo"), 200,
               success(R"({"version":"3.0.0","revision":"volta 0.1.0","branch":"volta",)"
                       R"("buildUser":"","buildDate":"","goVersion":"","features":{}})"));
  check_status(house, v1("status/config"), 200, success(R"({"yaml":"global: {}\n"})"));
  check_status(house, v1("status/flags"), 200,
               success(R"({"query.lookback-delta":"5m","query.max-concurrency":"4",)"
                       R"("query.max-samples":"50000000","query.timeout":"2m"})"));
  check_status(house, v1("rules"), 200, success(R"({"groups":[]})"));
  check_status(house, v1("rules?type=alert"), 200, success(R"({"groups":[]})"));
  check_status(house, v1("rules?type=xxx"), 400,
               failure("bad_data", "invalid parameter \"type\": not supported value \"xxx\""));
  check_status(house, v1("alerts"), 200, success(R"({"alerts":[]})"));
  check_status(house, v1("alertmanagers"), 200,
               success(R"({"activeAlertmanagers":[],"droppedAlertmanagers":[]})"));
}

TEST_CASE("what is asked of the server may come as a form, too") {
  PrometheusHouse house;
  for (const char* what : {"metadata", "status/buildinfo", "rules", "targets"}) {
    const HttpResponse got = house.api.handle(v1(what));
    CHECK(got.status == 200);
    check_status(house, form_post(std::string("/prometheus/api/v1/") + what, ""), 200, got.body);
  }
  // The form is read, and not only let in.
  CHECK(house.api.handle(form_post("/prometheus/api/v1/metadata", "limit=x")).status == 400);
}

TEST_CASE("targets as the scraper knows them") {
  PrometheusHouse house;
  check_status(house, v1("targets"), 200, success(R"({"activeTargets":[],"droppedTargets":[]})"));
  ScrapeTarget up;
  up.discovered = {{"__address__", "a:9100"}};
  up.labels = {{"instance", "a:9100"}, {"job", "node"}};
  up.pool = "node";
  up.url = "http://a:9100/metrics";
  up.health = ScrapeTarget::Health::up;
  up.last_scrape_ms = 1'795'226'940'123;
  up.last_duration_s = 0.25;
  up.interval_ms = 15'000;
  up.timeout_ms = 1500;
  ScrapeTarget fresh;
  fresh.pool = "gpu";
  fresh.interval_ms = 60'000;
  fresh.last_error = "connection refused";
  house.targets.list = {up, fresh};
  const std::string first =
      R"({"discoveredLabels":{"__address__":"a:9100"},"labels":{"instance":"a:9100","job":"node"},)"
      R"("scrapePool":"node","scrapeUrl":"http://a:9100/metrics",)"
      R"("globalUrl":"http://a:9100/metrics","lastError":"",)"
      R"("lastScrape":"2026-11-21T02:09:00.123Z","lastScrapeDuration":0.25,"health":"up",)"
      R"("scrapeInterval":"15s","scrapeTimeout":"1500ms"})";
  const std::string second =
      R"({"discoveredLabels":{},"labels":{},"scrapePool":"gpu","scrapeUrl":"","globalUrl":"",)"
      R"("lastError":"connection refused","lastScrape":"0001-01-01T00:00:00Z",)"
      R"("lastScrapeDuration":0,"health":"unknown","scrapeInterval":"1m","scrapeTimeout":"0m"})";
  check_status(
      house, v1("targets?state=any"), 200,
      success(R"({"activeTargets":[)" + first + "," + second + R"(],"droppedTargets":[]})"));
  check_status(house, v1("targets?state=dropped"), 200,
               success(R"({"activeTargets":[],"droppedTargets":[]})"));
}

TEST_CASE("hosts as service discovery") {
  PrometheusHouse house;
  const auto entry = [](const std::string& address, const std::string& name,
                        const std::string& number, const std::string& state) {
    return R"({"targets":[")" + address + R"("],"labels":{"__meta_volta_agent_version":"0.1.0",)" +
           R"("__meta_volta_host":")" + name + R"(","__meta_volta_id":"00000000000000a)" + number +
           R"(","__meta_volta_state":")" + state + R"("}})";
  };
  check_status(house, v1("sd/prometheus"), 200,
               "[" + entry("alpha", "alpha", "1", "live") + "," +
                   entry("beta", "beta", "2", "offline") + "]");
  check_status(house, v1("sd/prometheus?port=9100"), 200,
               "[" + entry("alpha:9100", "alpha", "1", "live") + "," +
                   entry("beta:9100", "beta", "2", "offline") + "]");
  for (const char* port : {"0", "65536", "x", "-1"}) {
    check_status(house, v1("sd/prometheus?port=" + std::string(port)), 400,
                 failure("bad_data", "invalid parameter \"port\": must be from 1 to 65535"));
  }
  CHECK(house.api.handle(v1("sd/prometheus")).content_type == "application/json");
  REQUIRE(house.world.remove_host("00000000000000a1"));
  REQUIRE(house.world.remove_host("00000000000000a2"));
  check_status(house, v1("sd/prometheus"), 200, "[]");
}

TEST_CASE("health is for everybody") {
  PrometheusHouse house(House::key_access(), "server");
  check_status(house, request("GET", "/prometheus/-/healthy"), 200, "volta is healthy.\n");
  check_status(house, request("GET", "/prometheus/-/ready"), 200, "volta is ready.\n");
  house.store_failing = true;
  check_status(house, request("GET", "/prometheus/-/ready"), 503, "volta is not ready.\n");
}

TEST_CASE("refusals under /prometheus have Prometheus' envelope") {
  PrometheusHouse house(House::key_access(), "server");
  check_status(house, v1("nothing"), 404,
               failure("not_found", "there is nothing at /prometheus/api/v1/nothing"));
  check_status(house, request("PUT", "/prometheus/api/v1/query"), 405,
               failure("bad_data", "PUT is not possible here; possible: GET, HEAD, POST, OPTIONS"));
  check_status(house, v1("query?query=1"), 401,
               failure("unauthorized",
                       "give the access key as 'Authorization: Bearer KEY' or log in at "
                       "/api/v1/session"));
  const HttpResponse wrong =
      house.api.handle(with(v1("query?query=1"), "authorization", "Basic !!!"));
  CHECK(wrong.status == 401);
  CHECK(wrong.body ==
        failure("unauthorized",
                "give the access key as 'Authorization: Bearer KEY' or as the password of Basic"));
  CHECK(header_of(wrong, "WWW-Authenticate").starts_with("Bearer"));
  CHECK(header_of(house.api.handle(request("OPTIONS", "/prometheus/api/v1/query")), "Allow") ==
        "GET, HEAD, POST, OPTIONS");
  // Elsewhere they stay what they were.
  CHECK(house.api.handle(request("GET", "/api/v1/nothing")).content_type ==
        "application/problem+json");
  CHECK(house.api.handle(request("GET", "/prometheusx")).content_type ==
        "application/problem+json");
}

}  // namespace volta::test
