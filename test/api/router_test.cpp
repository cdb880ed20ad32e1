#include "api/router.hpp"

#include <boost/json.hpp>

#include "api/fakes.hpp"

namespace volta::test {
namespace {

// The code of a problem; under /prometheus the type of the error.
std::string code_of(const HttpResponse& response) {
  if (response.body.starts_with(R"({"status":"error")")) {
    return boost::json::parse(response.body).at("errorType").as_string().c_str();
  }
  if (response.content_type != "application/problem+json") return "";
  return boost::json::parse(response.body).at("code").as_string().c_str();
}

// A path for a route's pattern.
std::string path_for(std::string_view pattern) {
  std::string path(pattern);
  if (const auto mark = path.find("{id}"); mark != std::string::npos)
    path.replace(mark, 4, "alpha");
  return path;
}

}  // namespace

TEST_CASE("paths, methods and parameters that are not there") {
  House house;
  const auto check = [&](const HttpRequest& asked, int status, const std::string& code) {
    const HttpResponse response = house.api.handle(asked);
    INFO(asked.method << ' ' << asked.path << '?' << asked.query);
    CHECK(response.status == status);
    CHECK(code_of(response) == code);
  };
  check(request("GET", "/api/v1/nothing"), 404, "not_found");
  check(request("GET", "/api/v1/hosts/"), 404, "not_found");
  check(request("GET", "/api/v1/hosts/a/b"), 404, "not_found");
  check(request("POST", "/api/v1/hosts//rotate"), 404, "not_found");
  check(request("PUT", "/api/v1/hosts"), 405, "method_not_allowed");
  check(request("POST", "/healthz"), 405, "method_not_allowed");
  check(request("GET", "/api/v1/hosts?limt=3"), 400, "unknown_parameter");
  check(request("GET", "/api/v1/hosts?limit=3&limit=4"), 400, "bad_query");
  check(request("GET", "/api/v1/hosts?limit=%zz"), 400, "bad_query");
  check(request("GET", "/api/v1/series?host=alpha&name=x&label.=y"), 400, "unknown_parameter");
  check(request("GET", "/api/v1/hosts/nobody"), 404, "host_not_found");
  check(request("HEAD", "/api/v1/hosts"), 200, "");
  check(request("OPTIONS", "/api/v1/hosts"), 204, "");
  check(request("GET", "/api/v1/ws"), 426, "upgrade_required");
  check(request("GET", "/api/v1/stream"), 400, "stream_only");
}

TEST_CASE("Allow names what is possible") {
  House house;
  CHECK(header_of(house.api.handle(request("PUT", "/api/v1/hosts")), "Allow") ==
        "GET, HEAD, POST, OPTIONS");
  CHECK(header_of(house.api.handle(request("OPTIONS", "/api/v1/session")), "Allow") ==
        "GET, HEAD, POST, DELETE, OPTIONS");
}

TEST_CASE("the nearest parameter is named") {
  House house;
  const auto body = house.api.handle(request("GET", "/api/v1/hosts?limt=3")).body;
  CHECK(body.find("did you mean 'limit'?") != std::string::npos);
  CHECK(body.find(R"("pointer":"limt")") != std::string::npos);
  CHECK(body.find(R"("request_id":"r1")") != std::string::npos);
}

TEST_CASE("a failing world is a 500 and no more") {
  House house;
  house.world.failing = true;
  const auto response = house.api.handle(request("GET", "/api/v1/latest?host=alpha"));
  CHECK(response.status == 500);
  CHECK(code_of(response) == "internal");
  CHECK(response.body.find("disk") == std::string::npos);
}

// Every route as everybody: what a role may not do is refused before anything else is looked at.
TEST_CASE("roles and routes, the whole matrix") {
  House local;
  House server(House::key_access(), "server");
  const std::string bearer = "Bearer " + std::string(kKey);
  std::size_t rows = 0;
  for (const Route& route : server.api.router().routes()) {
    const auto asked = request(std::string(route.method), path_for(route.pattern));
    const auto status = [&](House& house, const HttpRequest& as) {
      const auto response = house.api.handle(as);
      const std::string code = code_of(response);
      const bool refused = code == "login_needed" || code == "unauthorized" || code == "forbidden";
      CHECK(refused == (response.status == 401 || response.status == 403));
      if (response.status == 401) {
        CHECK(header_of(response, "WWW-Authenticate") == R"(Bearer realm="volta")");
      }
      return refused ? response.status : 200;
    };
    // The log-in itself refuses by other rules, tested in session_routes_test.
    if (route.pattern == "/api/v1/session" && route.method == "POST") continue;
    INFO(route.method << ' ' << route.pattern);
    const bool open = route.action == Action::open;
    const bool changes = route.action == Action::administer || route.action == Action::write;
    CHECK(status(server, asked) == (open ? 200 : 401));
    CHECK(status(local, asked) == (changes ? 403 : 200));
    CHECK(status(server, with(asked, "authorization", bearer)) == 200);
    CHECK(status(server, as_admin(asked)) == 200);
    CHECK(status(local, as_admin(asked)) == 200);
    ++rows;
  }
  CHECK(rows + 1 == server.api.router().routes().size());
}

TEST_CASE("what changes the fleet is for administrators, what is open can be counted") {
  House house;
  std::vector<std::string> open;
  const auto asking = Api::asking_posts();
  for (const Route& route : house.api.router().routes()) {
    if (route.action == Action::open) open.push_back(std::string(route.pattern));
    const bool asks = route.method == "GET" || route.pattern == "/api/v1/session" ||
                      std::find(asking.begin(), asking.end(), route.pattern) != asking.end();
    INFO(route.method << ' ' << route.pattern);
    CHECK(asks == (route.action != Action::administer && route.action != Action::write));
  }
  CHECK(open == std::vector<std::string>{"/healthz", "/readyz", "/api/v1/system/health",
                                         "/api/v1/session", "/api/v1/session", "/api/v1/session",
                                         "/prometheus/-/healthy", "/prometheus/-/ready"});
}

// But for those that Prometheus' own documentation describes.
TEST_CASE("the API's description has exactly the routes") {
  House house;
  const auto document =
      boost::json::parse(house.api.handle(request("GET", "/api/openapi.json")).body);
  CHECK(document.at("openapi").as_string() == "3.1.0");
  std::size_t described = 0;
  for (const auto& path : document.at("paths").as_object()) {
    described += path.value().as_object().size();
  }
  std::size_t ours = 0;
  for (const Route& route : house.api.router().routes()) {
    if (route.pattern.starts_with("/prometheus/")) continue;
    ++ours;
    std::string method(route.method);
    std::transform(method.begin(), method.end(), method.begin(),
                   [](char c) { return static_cast<char>(c - 'A' + 'a'); });
    INFO(route.method << ' ' << route.pattern);
    const auto* path = document.at("paths").as_object().if_contains(
        boost::json::string_view(route.pattern.data(), route.pattern.size()));
    REQUIRE(path != nullptr);
    REQUIRE(path->as_object().contains(method));
    const auto& operation = path->as_object().at(method).as_object();
    CHECK((operation.contains("security")) == (route.action == Action::open));
    std::vector<std::string> parameters;
    if (const auto* list = operation.if_contains("parameters")) {
      for (const auto& entry : list->as_array()) {
        if (entry.at("in").as_string() != "query") continue;
        const std::string name = entry.at("name").as_string().c_str();
        parameters.push_back(name == "label.KEY" ? "label." : name);
      }
    }
    CHECK(std::vector<std::string>(route.parameters.begin(), route.parameters.end()) == parameters);
  }
  CHECK(described == ours);
}

}  // namespace volta::test
