#include "api/prometheus_fakes.hpp"

namespace volta::test {
namespace {

HttpRequest write_request(std::string body, std::string type = "application/x-protobuf") {
  HttpRequest asked = as_admin(request("POST", "/prometheus/api/v1/write"));
  asked.body = std::move(body);
  return with(with(std::move(asked), "content-encoding", "snappy"), "content-type",
              std::move(type));
}

HttpRequest read_request(std::string body) {
  HttpRequest asked = request("POST", "/prometheus/api/v1/read");
  asked.body = std::move(body);
  return asked;
}

constexpr const char* kSamplesWritten = "X-Prometheus-Remote-Write-Samples-Written";

}  // namespace

TEST_CASE("remote write answers by what became of the samples") {
  PrometheusHouse house;
  const auto check = [&](const HttpRequest& asked, int status, const std::string& body) {
    const HttpResponse response = house.api.handle(asked);
    INFO(asked.body);
    CHECK(response.status == status);
    CHECK(response.body == body);
    return response;
  };
  const auto fine = check(write_request("write 3 0"), 204, "");
  CHECK(house.sink.writes == 1);
  CHECK(house.sink.described == 1);
  CHECK(header_of(fine, kSamplesWritten).empty());

  const auto second = check(write_request("write 3 0", "v2"), 204, "");
  CHECK(header_of(second, kSamplesWritten) == "3");
  CHECK(header_of(second, "X-Prometheus-Remote-Write-Histograms-Written") == "0");
  CHECK(header_of(second, "X-Prometheus-Remote-Write-Exemplars-Written") == "0");

  const auto partly =
      check(write_request("write 3 2", "v2"), 400,
            failure("bad_data", "2 samples were refused, 3 were written: a label name is empty"));
  CHECK(header_of(partly, kSamplesWritten) == "3");
  CHECK(house.sink.writes == 3);
  const auto first_version =
      check(write_request("write 4 1"), 400,
            failure("bad_data", "1 samples were refused, 4 were written: a label name is empty"));
  CHECK(header_of(first_version, kSamplesWritten) == "4");
  CHECK(house.sink.writes == 4);
  check(write_request("write 0 2"), 400,
        failure("bad_data", "2 samples were refused, 0 were written: a label name is empty"));
  check(write_request("write 0 0"), 204, "");
  CHECK(house.sink.writes == 4);
  const auto empty = check(write_request("write 3 0 2"), 400,
                           failure("bad_data",
                                   "2 series without samples were refused, 3 samples were written: "
                                   "a label name is empty"));
  CHECK(header_of(empty, kSamplesWritten) == "3");

  check(write_request("nonsense"), 400, failure("bad_data", "snappy: corrupt input"));
  check(write_request("huge"), 413, failure("bad_data", "says it is huge"));
  HttpRequest plain = as_admin(request("POST", "/prometheus/api/v1/write"));
  plain.body = "write 1 0";
  check(plain, 415, failure("bad_data", "not snappy"));
  CHECK(house.sink.writes == 5);
}

TEST_CASE("a request of remote write 2.0 that is refused whole says that nothing was written") {
  const auto check = [](PrometheusHouse& house, const HttpRequest& asked, int status) {
    const HttpResponse response = house.api.handle(asked);
    INFO(asked.body);
    CHECK(response.status == status);
    for (const char* what : {"Samples", "Histograms", "Exemplars"}) {
      CHECK(header_of(response, std::string("X-Prometheus-Remote-Write-") + what + "-Written") ==
            (asked.header("content-type") == "v2" ? "0" : ""));
    }
  };
  for (const char* type : {"v2", "application/x-protobuf"}) {
    PrometheusHouse house;
    check(house, write_request("nonsense", type), 400);
    check(house, write_request("huge", type), 413);
    HttpRequest plain = as_admin(request("POST", "/prometheus/api/v1/write"));
    plain.body = "write 1 0";
    check(house, with(std::move(plain), "content-type", type), 415);
    PrometheusHouse full([](PrometheusParts& parts) {
      parts.most_writes = 0;
      parts.most_waiting_writes = 0;
    });
    check(full, write_request("write 3 0", type), 503);
  }
}

TEST_CASE("a store that cannot take a write says whether to come again") {
  PrometheusHouse house;
  const auto check = [&](const WriteOutcome& outcome, int status, const std::string& body,
                         const std::string& retry) {
    house.sink.answer = outcome;
    const HttpResponse response = house.api.handle(write_request("write 3 0", "v2"));
    INFO(body);
    CHECK(response.status == status);
    CHECK(response.body == body);
    CHECK(header_of(response, "Retry-After") == retry);
    CHECK(header_of(response, kSamplesWritten) ==
          std::to_string(outcome.state == WriteState::committed ? 3 : 0));
  };
  check({WriteState::busy, 0, 0, "the disk is full"}, 503,
        failure("unavailable", "the disk is full"), "1");
  check({WriteState::busy, 0, 0, ""}, 503,
        failure("unavailable", "the store takes nothing at the moment; try again"), "1");
  check({WriteState::failed, 0, 0, "the disk is gone"}, 500,
        failure("internal", "the disk is gone"), "");
  check({WriteState::failed, 0, 0, ""}, 500, failure("internal", "the store failed"), "");
  check({WriteState::committed, 0, 5, "too many series"}, 400,
        failure("bad_data", "5 samples were refused, 3 were written: too many series"), "");
  check({WriteState::committed, 0, 0, "no metric name", 1}, 400,
        failure("bad_data",
                "1 series without samples were refused, 3 samples were written: no metric name"),
        "");
  CHECK(house.sink.described == 2);
}

TEST_CASE("no more writes at once than there are places") {
  PrometheusHouse house([](PrometheusParts& parts) {
    parts.most_writes = 0;
    parts.most_waiting_writes = 0;
  });
  const HttpResponse response = house.api.handle(write_request("write 3 0"));
  CHECK(response.status == 503);
  CHECK(response.body == failure("unavailable", "too many remote writes at once; try again"));
  CHECK(header_of(response, "Retry-After") == "1");
  CHECK(house.sink.writes == 0);
  // Queries have places of their own.
  CHECK(house.api.handle(request("GET", "/prometheus/api/v1/query?query=1")).status == 200);
}

TEST_CASE("what http/ is told of the routes is true of them") {
  PrometheusHouse house;
  const auto find = [&](const std::string& path) {
    const auto& routes = house.api.router().routes();
    const auto found = std::find_if(routes.begin(), routes.end(), [&](const Route& route) {
      return route.method == "POST" && route.pattern == path;
    });
    INFO(path);
    REQUIRE(found != routes.end());
    return *found;
  };
  for (const std::string& path : Api::asking_posts()) CHECK(find(path).action == Action::read);
  for (const auto& [path, most] : Api::body_limits()) {
    CHECK(find(path).free_query);
    CHECK(most >= (1U << 20U));
  }
}

TEST_CASE("who may write") {
  const auto status_of = [](PrometheusHouse& house, HttpRequest asked) {
    asked.peer = {"192.168.7.9:1", false, false, false};
    asked.body = "write 1 0";
    return house.api.handle(with(std::move(asked), "content-encoding", "snappy")).status;
  };
  const std::string path = "/prometheus/api/v1/write";
  PrometheusHouse server(House::key_access(), "server");
  CHECK(status_of(server, request("POST", path)) == 401);
  CHECK(status_of(server, with(request("POST", path), "authorization",
                               "Bearer " + std::string(kKey))) == 204);
  // "any:" and the key
  CHECK(status_of(server,
                  with(request("POST", path), "authorization",
                       "Basic YW55OjAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ei1fQUI=")) ==
        204);
  CHECK(status_of(server, with(request("POST", path), "authorization", "Basic YW55OngK")) == 401);
  CHECK(server.api.handle(request("GET", path)).status == 405);
  // The same before the body comes.
  const auto early = [&](const HttpRequest& head) {
    const auto refused = server.api.refuse_body(head);
    return refused ? refused->status : 0;
  };
  CHECK(early(request("POST", path)) == 401);
  CHECK(early(with(request("POST", path), "authorization", "Bearer wrong")) == 401);
  CHECK(early(with(request("POST", path), "authorization", "Bearer " + std::string(kKey))) == 0);
  CHECK(early(request("PUT", path)) == 405);
  CHECK(early(request("POST", path + "s")) == 404);

  // On loopback everybody may look; writing is the owner's.
  PrometheusHouse local;
  HttpRequest looked = with(request("POST", path), "content-encoding", "snappy");
  looked.body = "write 1 0";
  const HttpResponse refused = local.api.handle(looked);
  CHECK(refused.status == 403);
  CHECK(refused.body == failure("forbidden", "the role viewer may not do this"));
}

TEST_CASE("remote read answers each query in its order") {
  PrometheusHouse house;
  house.source.put({{"__name__", "a"}, {"host", "x"}}, {1000, 2000, 3000}, {1, 2, 3});
  house.source.put({{"__name__", "a"}, {"host", "y"}}, {9000}, {1});
  house.source.put({{"__name__", "b"}}, {2000}, {5});
  const HttpResponse response =
      house.api.handle(read_request("read b 0 5000 a 2000 5000 none 0 1 a 5 1"));
  CHECK(response.status == 200);
  CHECK(response.body ==
        "result\n{__name__=\"b\"} 1 from 2000\nresult\n{__name__=\"a\",host=\"x\"} 2 from 2000\n"
        "result\nresult\n");
  CHECK(response.content_type == "application/x-protobuf");
  CHECK(header_of(response, "Content-Encoding") == "snappy");
  CHECK_FALSE(response.compressible);
  const HttpResponse broken = house.api.handle(read_request("nonsense"));
  CHECK(broken.status == 400);
  CHECK(broken.body == failure("bad_data", "no read request"));
}

TEST_CASE("a remote read is bounded") {
  PrometheusHouse house([](PrometheusParts& parts) {
    parts.limits.most_samples = 3;
    parts.limits.most_series = 1;
  });
  house.source.put({{"__name__", "a"}}, {1000, 2000, 3000}, {1, 2, 3});
  house.source.put({{"__name__", "b"}, {"n", "1"}}, {1000}, {1});
  house.source.put({{"__name__", "b"}, {"n", "2"}}, {1000}, {1});
  CHECK(house.api.handle(read_request("read a 0 5000")).status == 200);
  const HttpResponse samples = house.api.handle(read_request("read a 0 1000 a 0 5000"));
  CHECK(samples.status == 400);
  CHECK(samples.body ==
        failure("bad_data",
                "the read would be too large an answer; ask for a shorter time or fewer series"));
  const HttpResponse series = house.api.handle(read_request("read b 0 5000"));
  CHECK(series.status == 400);
  CHECK(series.body == failure("bad_data", "too many series; narrow the selector"));
}

}  // namespace volta::test
