#include <bit>

#include "api/prometheus_fakes.hpp"
#include "api/prometheus_parameters.hpp"

namespace volta::test {
namespace {

constexpr std::int64_t kFederatedAt = 1'795'226'940'000;  // the fake clock's

struct SeriesHouse : PrometheusHouse {
  using PrometheusHouse::PrometheusHouse;
  void fill() {
    source.put({{"__name__", "up"}, {"host", "alpha"}, {"job", "node"}},
               {kFederatedAt - 2000, kFederatedAt - 1000}, {1, 0});
    source.put({{"__name__", "up"}, {"host", "beta"}}, {kFederatedAt}, {1});
    source.put({{"A", "x"}, {"__name__", "load1"}, {"host", "alpha"}}, {kFederatedAt - 400'000},
               {0.5});
    source.put({{"A", "y"}, {"__name__", "load1"}, {"host", "beta"}},
               {kFederatedAt - 2000, kFederatedAt - 1000},
               {0.25, std::bit_cast<double>(kStaleBits)});
    source.put({{"B", "z"}, {"__name__", "mem"}, {"host", "beta"}}, {kFederatedAt - 5}, {4});
    source.metrics = {{"load1", "gauge", "Load over 1 minute", ""},
                      {"mem", "gauge", "Memory", "bytes"},
                      {"mem", "unknown", "", ""},
                      {"up", "gauge", "", ""}};
  }
  void check(const std::string& target, int status, const std::string& body) {
    const HttpResponse response = api.handle(request("GET", "/prometheus/api/v1/" + target));
    INFO(target);
    CHECK(response.status == status);
    CHECK(response.body == body);
  }
};

const std::string kAlphaUp = R"({"__name__":"up","host":"alpha","job":"node"})";
const std::string kBetaUp = R"({"__name__":"up","host":"beta"})";
const std::string kBetaMem = R"({"B":"z","__name__":"mem","host":"beta"})";
const std::string kBetaLoad = R"({"A":"y","__name__":"load1","host":"beta"})";
const std::string kTruncated = R"(,"warnings":["results truncated due to limit"]})";

std::string bad_request(const std::string& text) { return failure("bad_data", text); }

}  // namespace

TEST_CASE("series by any of the selectors, once each") {
  SeriesHouse house;
  house.fill();
  house.check("series?match[]=up", 200, success("[" + kAlphaUp + "," + kBetaUp + "]"));
  CHECK(house.source.asked.start_ms == kAllTime.start_ms);
  CHECK(house.source.asked.end_ms == kAllTime.end_ms);
  house.check("series?match[]=up&match[]={host=\"beta\"}&start=1&end=2.5", 200,
              success("[" + kBetaLoad + "," + kBetaMem + "," + kAlphaUp + "," + kBetaUp + "]"));
  CHECK(house.source.asked.start_ms == 1000);
  CHECK(house.source.asked.end_ms == 2500);
  house.check("series?match[]=nothing", 200, success("[]"));
  house.check("series?match[]=up&limit=1", 200,
              R"({"status":"success","data":[)" + kAlphaUp + "]" + kTruncated);
  house.check("series?match[]=up&limit=2", 200, success("[" + kAlphaUp + "," + kBetaUp + "]"));

  house.check("series", 400, bad_request("no match[] parameter provided"));
  house.check("series?match[]={", 400,
              bad_request("invalid parameter \"match[]\": 1:2: parse error: unexpected end of "
                          "input inside braces"));
  house.check("series?match[]={}", 400,
              bad_request("invalid parameter \"match[]\": match[] must contain at least one "
                          "non-empty matcher"));
  house.check("series?match[]=up&start=x", 400,
              bad_request("invalid parameter \"start\": Invalid time value for 'start': cannot "
                          "parse \"x\" to a valid timestamp"));
  house.check(
      "series?match[]=up&start=5&end=1", 400,
      bad_request("invalid parameter \"end\": end timestamp must not be before start time"));
  const HttpResponse posted =
      house.api.handle(form_post("/prometheus/api/v1/series", "match%5B%5D=up&limit=40000"));
  CHECK(posted.body == success("[" + kAlphaUp + "," + kBetaUp + "]"));
}

TEST_CASE("the regular expressions of all selectors of a request count together") {
  SeriesHouse house;
  house.fill();
  const auto asked = [](std::string target, std::size_t selectors, const std::string& regex) {
    target += "?limit=1";
    for (std::size_t i = 0; i < selectors; ++i) target += "&match[]={host=~\"" + regex + "\"}";
    return target;
  };
  const std::string many = "more than 100 regular expressions in one request";
  house.check(asked("labels", 100, "none"), 200, success("[]"));
  house.check(asked("labels", 101, "none"), 400, bad_request(many));
  house.check(asked("label/host/values", 101, "none"), 400, bad_request(many));
  house.check(asked("series", 101, "none"), 400,
              bad_request("invalid parameter \"match[]\": " + many));
  CHECK(
      house.api.handle(request("GET", "/prometheus/api/v1/" + asked("labels", 60, "x{900}y{900}")))
          .status == 400);
  CHECK(house.api.handle(request("GET", "/prometheus/" + asked("federate", 101, "none"))).status ==
        400);
}

TEST_CASE("too many series are no bad request, and a failing disk is internal") {
  SeriesHouse house([](PrometheusParts& parts) { parts.limits.most_series = 1; });
  house.fill();
  house.check("series?match[]=up", 422,
              failure("execution", "too many series; narrow the selector"));
  house.source.failing = true;
  house.check("series?match[]=up", 500,
              failure("internal", "volta failed here; its log has the reason"));
}

TEST_CASE("an engine that gives no answer is said as a query says it") {
  SeriesHouse house([](PrometheusParts& parts) { parts.limits.timeout = std::chrono::seconds(7); });
  house.fill();
  std::atomic<bool> gone{false};
  const auto ask = [&](const std::string& path) {
    HttpRequest asked = request("GET", "/prometheus/" + path);
    asked.cancelled = &gone;
    return house.api.handle(asked);
  };
  using Kind = QueryFailure::Kind;
  struct Case {
    Kind kind;
    int status;
    const char* type;
  };
  for (const Case& item :
       {Case{Kind::unavailable, 503, "unavailable"}, Case{Kind::timeout, 503, "timeout"},
        Case{Kind::execution, 422, "execution"}, Case{Kind::bad_data, 400, "bad_data"}}) {
    house.source.away = QueryFailure{item.kind, "the engine says no"};
    for (const char* path : {"api/v1/series?match[]=up", "api/v1/labels", "api/v1/metadata",
                             "api/v1/label/host/values", "federate?match[]=up"}) {
      CAPTURE(path, item.type);
      const HttpResponse response = ask(path);
      CHECK(response.status == item.status);
      CHECK(response.body == failure(item.type, "the engine says no"));
      CHECK(house.source.bounds.first == std::chrono::seconds(7));
      CHECK(house.source.bounds.second == &gone);
    }
  }
  gone = true;
  CHECK(ask("api/v1/labels").body ==
        failure("canceled", "volta is shutting down, or nobody waits for the answer"));
  HttpRequest read = request("POST", "/prometheus/api/v1/read");
  read.body = "read up 1 2";
  house.source.away = QueryFailure{Kind::unavailable, "the engine is away"};
  CHECK(house.api.handle(read).body == failure("unavailable", "the engine is away"));
}

TEST_CASE("series of several selectors count together, each once") {
  SeriesHouse house([](PrometheusParts& parts) { parts.limits.most_series = 3; });
  house.fill();
  house.check("series?match[]=up&match[]=up&match[]=mem", 200,
              success("[" + kBetaMem + "," + kAlphaUp + "," + kBetaUp + "]"));
  house.check("series?match[]=up&match[]=load1", 422,
              failure("execution",
                      "the selectors match more than 3 series together; ask with fewer or "
                      "narrower ones"));
  CHECK(house.api.handle(request("GET", "/prometheus/federate?match[]=up&match[]=load1")).status ==
        422);
}

TEST_CASE("an answer of series is bounded") {
  SeriesHouse house([](PrometheusParts& parts) { parts.limits.most_bytes = 80; });
  house.fill();
  house.check("series?match[]=mem", 200, success("[" + kBetaMem + "]"));
  CHECK(house.api.handle(request("GET", "/prometheus/api/v1/series?match[]={host=\"beta\"}"))
            .status == 422);
}

TEST_CASE("what asks for too long is ended between its selectors") {
  SeriesHouse house(
      [](PrometheusParts& parts) { parts.limits.timeout = std::chrono::seconds(10); });
  house.fill();
  std::string selectors = "match[]=up";
  for (int i = 0; i < 9; ++i) selectors += "&match[]=up";
  int asked = 0;
  house.source.on_ask = [&] {
    ++asked;
    house.clock.advance(std::chrono::seconds(3));
  };
  for (const std::string path :
       {"api/v1/series", "api/v1/labels", "api/v1/label/host/values", "federate"}) {
    asked = 0;
    const HttpResponse response =
        house.api.handle(request("GET", "/prometheus/" + path + "?" + selectors));
    INFO(path);
    CHECK(response.status == 503);
    CHECK(response.body ==
          failure("timeout",
                  "the request took longer than it may; ask for a shorter time or fewer series"));
    CHECK(asked == 4);
  }
  // One that asks only once is in time.
  CHECK(house.api.handle(request("GET", "/prometheus/api/v1/labels?match[]=up")).status == 200);
}

TEST_CASE("label names and values") {
  SeriesHouse house;
  house.fill();
  house.check("labels", 200, success(R"(["A","B","__name__","host","job"])"));
  house.check("labels?match[]=up", 200, success(R"(["__name__","host","job"])"));
  house.check("labels?match[]=up&match[]=mem", 200, success(R"(["B","__name__","host","job"])"));
  house.check("labels?limit=2", 200, R"({"status":"success","data":["A","B"])" + kTruncated);
  house.check("labels?limit=-1&start=7", 200, success(R"(["A","B","__name__","host","job"])"));
  CHECK(house.source.asked.start_ms == 7000);
  house.check("labels?match[]={", 400,
              bad_request("1:2: parse error: unexpected end of input inside braces"));
  house.check("labels?limit=x", 400, bad_request("limit must be a number"));

  house.check("label/__name__/values", 200, success(R"(["load1","mem","up"])"));
  house.check("label/host/values?match[]=up&match[]=mem", 200, success(R"(["alpha","beta"])"));
  house.check("label/A/values?match[]=up", 200, success("[]"));
  house.check("label/U__host/values?limit=1", 200,
              R"({"status":"success","data":["alpha"])" + kTruncated);
  house.check("label/U__http_2e_status/values", 200, success("[]"));
  house.check("label/a-b/values", 400, bad_request("invalid label name: \"a-b\""));
  const HttpResponse posted =
      house.api.handle(form_post("/prometheus/api/v1/labels", "match[]=up"));
  CHECK(posted.body == success(R"(["__name__","host","job"])"));
  const HttpResponse values =
      house.api.handle(form_post("/prometheus/api/v1/label/host/values", "match[]=up&limit=9"));
  CHECK(values.body == success(R"(["alpha","beta"])"));
}

TEST_CASE("metadata by metric") {
  SeriesHouse house;
  house.fill();
  const std::string load = R"("load1":[{"type":"gauge","help":"Load over 1 minute","unit":""}])";
  const std::string mem = R"("mem":[{"type":"gauge","help":"Memory","unit":"bytes"})";
  const std::string unknown = R"(,{"type":"unknown","help":"","unit":""})";
  const std::string up = R"("up":[{"type":"gauge","help":"","unit":""}])";
  const std::string all = "{" + load + "," + mem + unknown + "]," + up + "}";
  house.check("metadata", 200, success(all));
  house.check("metadata?limit=0", 200, success(all));
  house.check("metadata?limit=1", 200, success("{" + load + "}"));
  house.check("metadata?limit_per_metric=1", 200,
              success("{" + load + "," + mem + "]," + up + "}"));
  house.check("metadata?metric=mem", 200, success("{" + mem + unknown + "]}"));
  house.check("metadata?metric=none", 200, success("{}"));
  house.check("metadata?limit=abc", 400, bad_request("limit must be a number"));
  house.check("metadata?limit_per_metric=abc", 400,
              bad_request("limit_per_metric must be a number"));
}

TEST_CASE("federation shows the newest samples of what lives") {
  SeriesHouse house;
  house.fill();
  const auto check = [&](const std::string& query, int status, const std::string& body) {
    const HttpResponse response = house.api.handle(request("GET", "/prometheus/federate" + query));
    INFO(query);
    CHECK(response.status == status);
    CHECK(response.body == body);
    if (status == 200) CHECK(response.content_type == "text/plain; version=0.0.4; charset=utf-8");
  };
  const std::string alpha =
      R"({__name__="up",host="alpha",job="node"} 0 1795226939000)" + std::string("\n");
  const std::string beta = R"({__name__="up",host="beta"} 1 1795226940000)" + std::string("\n");
  const std::string mem =
      R"({B="z",__name__="mem",host="beta"} 4 1795226939995)" + std::string("\n");
  check("?match[]=up", 200, alpha + beta);
  // Neither the one that is older than the lookback nor the one that has ended.
  check("?match[]=load1", 200, "");
  check("?match[]={host=\"beta\"}&match[]=up", 200, mem + alpha + beta);
  check("", 200, "");
  check("?match[]={", 400, bad_request("1:2: parse error: unexpected end of input inside braces"));
}

}  // namespace volta::test
