#include "api/fakes.hpp"

namespace volta::test {
namespace {

std::string login_body(const std::string& key) { return R"({"access_key":")" + key + "\"}"; }

std::string cookie_of(const HttpResponse& response) {
  const std::string set = header_of(response, "Set-Cookie");
  return set.substr(0, set.find(';'));
}

}  // namespace

TEST_CASE("who one is") {
  House local;
  check_golden("session_viewer.json", local.api.handle(request("GET", "/api/v1/session")).body);
  House server(House::key_access(), "server");
  check_golden("session_none.json", server.api.handle(request("GET", "/api/v1/session")).body);
  const auto wrong =
      server.api.handle(with(request("GET", "/api/v1/session"), "authorization", "Bearer wrong"));
  CHECK(wrong.body.find(R"("role":"none")") != std::string::npos);
}

TEST_CASE("log in, change something, log out") {
  House house(House::key_access(), "server");
  const auto in = house.api.handle(json_post("/api/v1/session", login_body(kKey)));
  CHECK(in.status == 201);
  CHECK(in.body.find(kKey) == std::string::npos);
  check_golden("session_admin.json", in.body);
  const std::string cookie = cookie_of(in);

  const auto list = house.api.handle(with(request("GET", "/api/v1/hosts"), "cookie", cookie));
  CHECK(list.status == 200);
  auto add = with(json_post("/api/v1/hosts", R"({"name":"gamma"})"), "cookie", cookie);
  CHECK(house.api.handle(add).status == 403);
  CHECK(house.api.handle(with(add, "x-volta-request", "1")).status == 201);

  const auto again =
      house.api.handle(with(with(json_post("/api/v1/session", login_body(kKey)), "cookie", cookie),
                            "x-volta-request", "1"));
  CHECK(again.status == 201);
  CHECK(cookie_of(again) != cookie);
  CHECK(house.api.handle(with(request("GET", "/api/v1/hosts"), "cookie", cookie)).status == 401);

  const auto with_new = with(request("DELETE", "/api/v1/session"), "cookie", cookie_of(again));
  CHECK(house.api.handle(with_new).status == 403);
  const auto out = house.api.handle(with(with_new, "x-volta-request", "1"));
  CHECK(out.status == 204);
  CHECK(cookie_of(out) == "volta_session=");
  CHECK(
      house.api.handle(with(request("GET", "/api/v1/hosts"), "cookie", cookie_of(again))).status ==
      401);
}

TEST_CASE("what is no log-in") {
  House house(House::key_access(), "server");
  const auto check = [&](const HttpRequest& asked, int status) {
    CHECK(house.api.handle(asked).status == status);
  };
  const auto typed = [&](const std::string& type) {
    auto asked = with(request("POST", "/api/v1/session"), "content-type", type);
    asked.body = login_body(kKey);
    return asked;
  };
  check(typed("text/plain"), 415);
  check(typed("application/x-www-form-urlencoded"), 415);
  check(typed("application/json; charset=utf-8"), 201);
  check(json_post("/api/v1/session", ""), 400);
  check(json_post("/api/v1/session", "[1]"), 400);
  check(json_post("/api/v1/session", "{\"access_key\":"), 400);
  check(json_post("/api/v1/session", R"({"a":{"b":{"c":{"d":{"e":1}}}}})"), 400);
  check(json_post("/api/v1/session", "{}"), 422);
  check(json_post("/api/v1/session", R"({"access_key":7})"), 422);
  check(json_post("/api/v1/session", R"({"access_key":"x","more":1})"), 422);
  for (int i = 0; i < 10; ++i) check(json_post("/api/v1/session", login_body("wrong")), 401);
  check(json_post("/api/v1/session", login_body("wrong")), 429);
  check(json_post("/api/v1/session", login_body(kKey)), 429);
}

}  // namespace volta::test
