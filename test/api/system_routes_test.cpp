#include <boost/json.hpp>

#include "api/catalogue_json.hpp"
#include "api/fakes.hpp"

namespace volta::test {

TEST_CASE("health and readiness") {
  House house(House::key_access(), "server");
  CHECK(house.api.handle(request("GET", "/healthz")).body == R"({"status":"ok"})");
  CHECK(house.api.handle(request("GET", "/api/v1/system/health")).body == R"({"status":"ok"})");
  const auto ready = house.api.handle(request("GET", "/readyz"));
  CHECK(ready.status == 200);
  check_golden("readyz.json", ready.body);

  house.store_failing = true;
  const auto failing = house.api.handle(request("GET", "/readyz"));
  CHECK(failing.status == 503);
  CHECK(failing.body ==
        R"({"status":"failing","components":[{"name":"store","status":"failing"}]})");
  const auto told = house.api.handle(as_admin(request("GET", "/readyz")));
  CHECK(told.body.find(R"("detail":"the disk is full")") != std::string::npos);
}

TEST_CASE("/metrics of volta local shows its host and itself") {
  House house;
  const auto page = house.api.handle(request("GET", "/metrics"));
  CHECK(page.content_type == "text/plain");
  CHECK(page.body.find("gauge volta_build_info{version=\"0.1.0\"} 1\n") != std::string::npos);
  CHECK(page.body.find("gauge volta_load1{host=\"alpha\"} 0.5\n") != std::string::npos);
  CHECK(page.body.find("counter volta_energy_joules_total{host=\"alpha\",quality=\"estimated\","
                       "source=\"model\",zone=\"host\"} 1012.5\n") != std::string::npos);
  CHECK(page.body.find("node_") == std::string::npos);

  const auto aliases = house.api.handle(request("GET", "/metrics?aliases=1"));
  CHECK(aliases.body.find("gauge node_load1{host=\"alpha\"} 0.5\n") != std::string::npos);
  CHECK(aliases.body.find("gauge node_memory_MemTotal_bytes{host=\"alpha\"} 4.29497e+09\n") !=
        std::string::npos);

  const auto open = house.api.handle(
      with(request("GET", "/metrics"), "accept", "application/openmetrics-text;version=1.0.0"));
  CHECK(open.content_type == "application/openmetrics-text");
  CHECK(house.api.handle(request("GET", "/metrics?aliases=maybe")).status == 400);
}

TEST_CASE("/metrics leaves out what no longer moves and what is no number") {
  House house;
  const HostId alpha = house.world.find("alpha")->id;
  const auto old = house.world.put_series(alpha, make_series(metrics::load5, {}));
  house.world.put_sample(old, house.clock.wall_ms() - 300'001, 1);
  const auto fresh = house.world.put_series(alpha, make_series(metrics::load15, {}));
  house.world.put_sample(fresh, house.clock.wall_ms() - 300'000, 1);
  const auto broken = house.world.put_series(alpha, make_series(metrics::threads, {}));
  house.world.put_sample(broken, house.clock.wall_ms(), std::nan(""));
  const auto body = house.api.handle(request("GET", "/metrics")).body;
  CHECK(body.find("volta_load5") == std::string::npos);
  CHECK(body.find("volta_load15") != std::string::npos);
  CHECK(body.find("volta_threads") == std::string::npos);
}

TEST_CASE("/metrics of a server shows the server only") {
  House house(House::key_access(), "server");
  const auto body = house.api.handle(as_admin(request("GET", "/metrics?aliases=1"))).body;
  CHECK(body == "gauge volta_build_info{version=\"0.1.0\"} 1\n");
}

TEST_CASE("versions, capabilities and own numbers") {
  House house;
  check_golden("version.json", house.api.handle(request("GET", "/api/v1/system/version")).body);
  check_golden("capabilities.json",
               house.api.handle(request("GET", "/api/v1/system/capabilities")).body);
  check_golden("own_metrics.json", house.api.handle(request("GET", "/api/v1/system/metrics")).body);
}

TEST_CASE("how long what is stored stays is told") {
  const auto told = [](const StorageLimits& kept) {
    House house(House::local_access(), "local", {}, kept);
    const auto body = house.api.handle(request("GET", "/api/v1/system/capabilities")).body;
    return boost::json::serialize(boost::json::parse(body).at("retention"));
  };
  using std::chrono::hours;
  CHECK(told({"volta", hours(336), hours(4320), hours(43800), 2'000'000'000}) ==
        R"({"engine":"volta","raw_s":1209600,"minute_s":15552000,"hour_s":157680000,)"
        R"("size_bytes":2000000000})");
  CHECK(told({"volta", hours(1), {}, {}, 0}) ==
        R"({"engine":"volta","raw_s":3600,"minute_s":null,"hour_s":null,"size_bytes":null})");
  CHECK(told({"prometheus", hours(1), {}, {}, 0}) == R"({"engine":"prometheus"})");
}

TEST_CASE("the catalogue is all of it, and cached") {
  House house;
  const auto response = house.api.handle(request("GET", "/api/v1/catalog"));
  CHECK(response.body == catalogue_json());
  const auto parsed = boost::json::parse(response.body);
  CHECK(parsed.at("metrics").as_array().size() == catalogue().size());
  CHECK(parsed.at("groups").as_array().size() == metric_groups().size());
  CHECK(parsed.at("metrics").at(0).at("name").as_string() == "volta_cpu_seconds_total");
  CHECK(parsed.at("metrics").at(0).at("period_ms").as_int64() == 1000);
  CHECK(parsed.at("metrics").at(0).at("scale").as_int64() == 2);

  const std::string etag = header_of(response, "ETag");
  CHECK(etag.starts_with("W/\""));
  const auto check = [&](const std::string& if_none_match, int status) {
    const auto again =
        house.api.handle(with(request("GET", "/api/v1/catalog"), "if-none-match", if_none_match));
    CHECK(again.status == status);
    CHECK(again.body.empty() == (status == 304));
    CHECK(header_of(again, "ETag") == etag);
  };
  check(etag, 304);
  check(etag.substr(2), 304);
  check("\"x\", " + etag, 304);
  check("*", 304);
  check("\"x\"", 200);
  check("", 200);
  check(",,", 200);
}

}  // namespace volta::test
