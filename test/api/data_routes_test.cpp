#include <random>

#include <boost/json.hpp>

#include "api/energy_range.hpp"
#include "api/fakes.hpp"
#include "api/parameters.hpp"
#include "api/prometheus_fakes.hpp"
#include "model/query_string.hpp"
#include "support/seed.hpp"

namespace volta::test {
namespace {

constexpr std::int64_t kNow = 1'795'226'940'000;

}  // namespace

TEST_CASE("newest values") {
  House house;
  check_golden("latest.json", house.api.handle(request("GET", "/api/v1/latest?host=alpha")).body);
  const auto some = boost::json::parse(
      house.api.handle(request("GET", "/api/v1/latest?host=00000000000000a1&name=volta_l*")).body);
  CHECK(some.at("items").as_array().size() == 1);
  check_golden("latest_empty.json",
               house.api.handle(request("GET", "/api/v1/latest?host=beta")).body);
  CHECK(house.api.handle(request("GET", "/api/v1/latest")).status == 400);
  CHECK(house.api.handle(request("GET", "/api/v1/latest?host=nobody")).status == 404);
}

TEST_CASE("newest values of a host that sends to another server are the engine's") {
  PrometheusHouse house;
  const auto ask = [&](const std::string& query) {
    return house.api.handle(request("GET", "/api/v1/latest?host=" + query));
  };
  const std::string own = ask("alpha").body;
  house.engine.samples.rows = {
      {some_labels({{"__name__", "volta_load1"}, {"host", "alpha"}}), {kNow - 900}, {7}},
      {some_labels({{"__name__", "volta_cpu_seconds_total"}, {"host", "alpha"}, {"mode", "idle"}}),
       {kNow - 3000, kNow - 2000, kNow - 1000, kNow - 1000},  // written by two servers
       {1, 50, 50.5, 50.5}},
      {some_labels({{"__name__", "volta_swaps_total"}, {"host", "alpha"}}),
       {kNow - 2000, kNow - 1000},
       {9, 3}}};
  CHECK(ask("alpha").body == own);  // this server hears it
  house.world.elsewhere = {HostId(1), HostId(2)};
  CHECK(
      ask("alpha").body ==
      R"({"host":"00000000000000a1","ts":1795226939100,"items":[)"
      R"({"name":"volta_cpu_seconds_total","labels":{"mode":"idle"},"value":50.5,"rate":0.5,"unit":"seconds","quality":"measured","kind":"counter","ts":1795226939000},)"
      R"({"name":"volta_load1","labels":{},"value":7,"rate":null,"unit":"","quality":"measured","kind":"gauge","ts":1795226939100},)"
      R"({"name":"volta_swaps_total","labels":{},"value":3,"rate":null,"unit":"","quality":"measured","kind":"counter","ts":1795226939000}]})");
  CHECK(house.engine.asked == R"({host="alpha"}[120000ms] @1795226940000)");
  CHECK(boost::json::parse(ask("alpha&name=volta_l*").body).at("items").as_array().size() == 1);
  ask("alpha&name=volta_load1");
  CHECK(house.engine.asked == R"({host="alpha",__name__="volta_load1"}[120000ms] @1795226940000)");
  house.engine.samples.rows.clear();
  CHECK(ask("alpha").body == own);  // what it last heard itself
  CHECK(boost::json::parse(ask("beta").body).at("items").as_array().empty());
  house.engine.away = true;
  CHECK(ask("alpha").status == 503);
}

TEST_CASE("a range") {
  House house;
  const auto response = house.api.handle(
      request("GET",
              "/api/v1/series?host=alpha&name=volta_power_watts&label.zone=host&start=now-10m"
              "&step=10&agg=max"));
  check_golden("series.json", response.body);
  CHECK(house.world.asked.metric.host == HostId(1));
  CHECK(house.world.asked.metric.host_name == "alpha");
  CHECK(house.world.asked.metric.matchers == Labels{{"zone", "host"}});
  CHECK(house.world.asked.aggregation == Aggregation::max);
  CHECK(house.world.asked.start_ms == kNow - 600'000);
  CHECK(house.world.asked.step_ms == 10'000);
  check_golden("problem_bad_parameters.json",
               house.api.handle(request("GET", "/api/v1/series?name=x&start=x&agg=sum")).body);
  check_golden(
      "problem_login_needed.json",
      House(House::key_access(), "server").api.handle(request("GET", "/api/v1/hosts")).body);
  CHECK(house.api.handle(request("GET", "/api/v1/series?host=nobody&name=x")).status == 404);
  CHECK(house.api.handle(request("GET", "/api/v1/series?host=alpha&name=refused")).status == 400);
  CHECK(house.api.handle(request("GET", "/api/v1/series?host=alpha&name=huge")).status == 422);
}

TEST_CASE("questions about history take their turn among the queries, and end with their client") {
  PrometheusHouse house([](PrometheusParts& parts) {
    parts.most_queries = 1;
    parts.most_waiting_queries = 0;
    parts.limits.timeout = std::chrono::seconds(9);
  });
  const std::string range = "/api/v1/series?host=alpha&name=volta_power_watts&step=10";
  std::vector<HttpResponse> meanwhile;
  house.world.on_range = [&] {
    for (const std::string& target :
         {std::string("/api/v1/energy?host=alpha"), std::string("/prometheus/api/v1/query?query=1"),
          std::string("/api/v1/latest?host=alpha")}) {
      meanwhile.push_back(house.api.handle(request("GET", target)));
    }
  };
  std::atomic<bool> gone{false};
  HttpRequest asked = request("GET", range);
  asked.cancelled = &gone;
  CHECK(house.api.handle(asked).status == 200);
  CHECK(house.world.asked.cancel == &gone);
  REQUIRE(meanwhile.size() == 3);
  CHECK(meanwhile[0].status == 503);
  CHECK(meanwhile[0].content_type == "application/problem+json");
  CHECK(header_of(meanwhile[0], "Retry-After") == "1");
  CHECK(meanwhile[1].status == 503);
  CHECK(meanwhile[2].status == 200);
  house.world.on_range = {};
  CHECK(house.api.handle(request("GET", range)).status == 200);
  CHECK(house.world.asked.cancel != nullptr);
  CHECK(house.api.handle(request("GET", "/api/v1/energy?host=alpha")).status == 200);
  CHECK(house.world.asked_growth.cancel != nullptr);
}

TEST_CASE("times") {
  const auto check = [](std::string_view text, std::optional<std::int64_t> want) {
    const auto got = parse_time(text, kNow);
    INFO(text);
    CHECK(got.has_value() == want.has_value());
    if (got && want) CHECK(*got == *want);
  };
  check("now", kNow);
  check("now-1h", kNow - 3'600'000);
  check("now+1m30s", kNow + 90'000);
  check("1795226940", kNow);
  check("1795226940.5", kNow + 500);
  check("1795226940000", kNow);
  check("2026-11-21T02:09:00Z", 1'795'226'940'000);
  check("2026-11-21T03:09:00.250+01:00", 1'795'226'940'250);
  check("0", 0);
  check("", {});
  check("now-", {});
  check("now1h", {});
  check("now-1", {});
  check("nowhere", {});
  check("-1", {});
  check("yesterday", {});
  check("1e300", {});
  check("nan", {});
  check("inf", {});
  check("now-100y", {});
  check("now+9000000000000000000ms", {});
  check("999999999999999", {});
}

TEST_CASE("steps") {
  const auto check = [](std::string_view text, std::int64_t want) {
    const auto got = parse_step(text);
    INFO(text);
    CHECK((got ? *got : -1) == want);
  };
  check("10", 10'000);
  check("0.5", 500);
  check("250ms", 250);
  check("1h30m", 5'400'000);
  check("0", -1);
  check("0.0001", -1);
  check("-5", -1);
  check("1e30", -1);
  check("11y", -1);
  check("", -1);
  check("x", -1);
}

TEST_CASE("the step for a number of points") {
  const auto check = [](std::int64_t span_ms, std::int64_t points, std::int64_t want) {
    CHECK(step_for(kNow, kNow + span_ms, points) == want);
  };
  check(300'000, 600, 1000);
  check(3'600'000, 600, 10'000);
  check(86'400'000, 600, 300'000);
  check(0, 2, 1000);
  const auto seed = test::random_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    const auto start = static_cast<std::int64_t>(random() % 2'000'000'000'000);
    const auto end = start + static_cast<std::int64_t>(random() % 400'000'000'000);
    const auto points = static_cast<std::int64_t>(2 + random() % 10'000);
    const std::int64_t step = step_for(start, end, points);
    REQUIRE(step > 0);
    REQUIRE(end / step - start / step + 1 <= points);
  }
}

TEST_CASE("range parameters") {
  const auto parse = [](const std::string& text) {
    return parse_series_request(*parse_query(text), kNow);
  };
  const auto check = [&](const std::string& text, const std::vector<std::string>& wrong) {
    const auto parsed = parse(text);
    std::vector<std::string> got;
    if (const auto* declined = std::get_if<Declined>(&parsed)) {
      for (const auto& [name, detail] : declined->problem.errors) got.push_back(name);
    }
    INFO(text);
    CHECK(got == wrong);
  };
  check("host=a&name=b", {});
  check("", {"host", "name"});
  check("host=&name=b", {"host"});
  check("host=a&name=b&start=now&end=now-1h", {"start"});
  check("host=a&name=b&step=1&max_points=5", {"step"});
  check("host=a&name=b&step=1&start=now-1d", {"step"});
  check("host=a&name=b&step=10s&start=now-1d", {});
  check("host=a&name=b&max_points=1", {"max_points"});
  check("host=a&name=b&max_points=11001", {"max_points"});
  check("host=a&name=b&agg=p95", {"agg"});
  check("host=a&name=b&label.x=", {"label.x"});
  check("start=z&end=z&agg=z&step=z", {"host", "name", "end", "start", "step", "agg"});

  const auto plain = std::get<SeriesRequest>(parse("host=a&name=b&label.z=1&label.a=2"));
  CHECK(plain.question.end_ms == kNow);
  CHECK(plain.question.start_ms == kNow - 3'600'000);
  CHECK(plain.question.step_ms == 10'000);
  CHECK_FALSE(plain.question.aggregation.has_value());
  CHECK(plain.question.metric.matchers == Labels{{"a", "2"}, {"z", "1"}});
}

TEST_CASE("energy over a range") {
  House house;
  house.world.grown[HostId(1)] = {{{{"quality", "estimated"}, {"zone", "host"}}, 12.5}};
  check_golden("energy.json", house.api.handle(request("GET", "/api/v1/energy?host=alpha")).body);
  check_golden("energy_empty.json",
               house.api.handle(request("GET", "/api/v1/energy?host=beta")).body);
  const auto check = [&](const std::string& query, int status) {
    INFO(query);
    CHECK(house.api.handle(request("GET", "/api/v1/energy?" + query)).status == status);
  };
  check("host=nobody", 404);
  check("", 400);
  check("host=alpha&utc_offset_minutes=841", 400);
  check("host=alpha&utc_offset_minutes=x", 400);
  check("host=alpha&start=now-3661d", 400);
  check("host=alpha&start=now-5y", 200);
  CHECK(house.world.asked_growth.metric.name == "volta_energy_joules_total");
  CHECK(house.world.asked_growth.metric.host_name == "alpha");
  CHECK(house.world.asked_growth.metric.matchers == Labels{{"zone", "host"}});
  check("host=alpha&start=now&end=now-1h", 400);

  // 02:09 UTC is 21:09 of the day before in New York: its midnight was 21 h 9 min ago.
  const auto start = [&](const std::string& offset) {
    const auto parsed = boost::json::parse(
        house.api.handle(request("GET", "/api/v1/energy?host=alpha&utc_offset_minutes=" + offset))
            .body);
    return parsed.at("start").as_int64();
  };
  CHECK(start("0") == kNow - (2 * 60 + 9) * 60'000);
  CHECK(start("-300") == kNow - (21 * 60 + 9) * 60'000);
  CHECK(start("60") == kNow - (3 * 60 + 9) * 60'000);
}

TEST_CASE("several sources of energy") {
  const auto check = [](const std::vector<Growth>& sources, std::optional<double> joules,
                        Quality quality) {
    const auto got = energy_of(sources);
    CHECK(got.has_value() == joules.has_value());
    if (!got || !joules) return;
    CHECK(got->joules == Approx(*joules));
    CHECK(got->quality == quality);
  };
  const auto source = [](const char* quality, double joules) {
    return Growth{{{"quality", quality}, {"zone", "host"}}, joules};
  };
  check({}, {}, {});
  check({source("measured", 5)}, 5, Quality::measured);
  check({source("measured", 5), source("estimated", 7)}, 12, Quality::estimated);
  check({source("derived", 1), source("measured", 0)}, 1, Quality::derived);
  check({Growth{{}, 3}}, 3, Quality::estimated);
}

}  // namespace volta::test
