// What Grafana's Prometheus data source asks, in its order, with the parameters that it adds and
// the log-in that it has (Basic): saved and tested, then the query editor, a variable, a panel.
// Answers are written by the real formats.
#include "api/prometheus_fakes.hpp"
#include "prom/prometheus_formats.hpp"

namespace volta::test {
namespace {

// "grafana:" and kKey.
constexpr const char* kGrafana =
    "Basic Z3JhZmFuYTowMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXotX0FC";

// Grafana's own server asks: from afar, without Origin.
HttpRequest from_grafana(HttpRequest asked) {
  asked.peer = {"192.0.2.10:40000", false, false, true};
  asked.headers.emplace_back("user-agent", "Grafana/13.1.4");
  asked.headers.emplace_back("x-datasource-uid", "abc");
  asked.headers.emplace_back("authorization", kGrafana);
  return asked;
}

struct GrafanaStep {
  std::string target;
  std::string form;  // "": GET
  std::string answer;
};

struct Dashboard : PrometheusWorld, House {
  Dashboard() : House(House::key_access(), "server", real_parts(*this)) {
    source.put({{"__name__", "node_load1"}, {"host", "alpha"}, {"instance", "alpha:9100"}},
               {1'795'226'939'000}, {0.5});
    source.put({{"__name__", "up"}, {"host", "alpha"}}, {1'795'226'939'000}, {1});
    source.metrics = {{"node_load1", "gauge", "1m load average", ""}};
  }
  PrometheusWireFormats wire;

 private:
  static PrometheusParts real_parts(Dashboard& self) {
    PrometheusParts parts = self.PrometheusWorld::parts();
    parts.formats = &self.wire;  // used once it is made
    return parts;
  }
};

}  // namespace

TEST_CASE("Grafana's requests, from Save & test to a panel") {
  Dashboard house;
  const std::string api = "/prometheus/api/v1/";
  const std::string range = R"({"status":"success","data":{"resultType":"matrix","result":[)"
                            R"({"metric":{"a":"1"},"values":[[1795226880,"1"]]},)"
                            R"({"metric":{"a":"2"},"values":[[1795226880,"2"]]}]}})";
  const std::vector<GrafanaStep> steps = {
      {api + "query", "query=1%2B1&time=1795226940.123",
       R"({"status":"success","data":{"resultType":"scalar","result":[1795226940.123,"2"]}})"},
      {api + "status/buildinfo", "",
       success(R"({"version":"3.0.0","revision":"volta 0.1.0","branch":"volta","buildUser":"",)"
               R"("buildDate":"","goVersion":"","features":{}})")},
      {api + "rules", "", success(R"({"groups":[]})")},
      {api + "query_exemplars?query=test&start=1795223340&end=1795226940", "", success("[]")},
      {api + "metadata?limit=40000", "",
       success(R"({"node_load1":[{"type":"gauge","help":"1m load average","unit":""}]})")},
      {api + "labels", "start=1795223340&end=1795226940&limit=40000",
       success(R"(["__name__","host","instance"])")},
      {api + "labels?start=1795223340&end=1795226940&limit=0&match%5B%5D=up", "",
       success(R"(["__name__","host"])")},
      {api + "label/__name__/values?start=1795223340&end=1795226940&limit=40000", "",
       success(R"(["node_load1","up"])")},
      {api + "label/host/values?start=1795223340&end=1795226940&match%5B%5D=node_load1", "",
       success(R"(["alpha"])")},
      {api + "label/U__k8s_2e_pod/values?start=1795223340&end=1795226940", "", success("[]")},
      {api + "series", "match%5B%5D=up&start=1795223340&end=1795226940&limit=40000",
       success(R"([{"__name__":"up","host":"alpha"}])")},
      {api + "query_range",
       "query=sum+by+%28a%29+%28rate%28x%5B1m%5D%29%29&start=1795226880&end=1795226940&step=15",
       range},
      {api + "query_range?query=up&start=1795226880&end=1795226940&step=15s", "", range},
      {api + "query", "query=node_load1&time=1795226940.000",
       R"({"status":"success","data":{"resultType":"scalar","result":[1795226940,"2"]}})"},
      {api + "format_query", "query=up", success(R"("[up]")")},
      {api + "alerts", "", success(R"({"alerts":[]})")},
  };
  for (const GrafanaStep& step : steps) {
    INFO(step.target << ' ' << step.form);
    const HttpResponse response = house.api.handle(from_grafana(
        step.form.empty() ? request("GET", step.target) : form_post(step.target, step.form)));
    CHECK(response.status == 200);
    CHECK(response.content_type == "application/json");
    CHECK(response.body == step.answer);
  }
  CHECK(house.engine.asked == "node_load1 @1795226940000");
}

TEST_CASE("Grafana shows a person why a query failed") {
  Dashboard house;
  const auto check = [&](const std::string& form, int status, const std::string& body) {
    const HttpResponse response =
        house.api.handle(from_grafana(form_post("/prometheus/api/v1/query_range", form)));
    INFO(form);
    CHECK(response.status == status);
    CHECK(response.body == body);
  };
  check("query=1%2B&start=1&end=2&step=1", 400,
        failure("bad_data",
                "invalid parameter \"query\": 1:3: parse error: unexpected end of input"));
  check("query=many&start=1&end=2&step=1", 422, failure("execution", "many-to-many"));
  check("query=up&start=0&end=99999999&step=15", 400,
        failure("bad_data",
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
                "query resolution (?step=XX)"));
  HttpRequest wrong = form_post("/prometheus/api/v1/query", "query=1%2B1");
  wrong.headers.emplace_back("authorization", "Basic Z3JhZmFuYTp3cm9uZw==");
  CHECK(house.api.handle(wrong).status == 401);
}

}  // namespace volta::test
