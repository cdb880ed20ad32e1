#include <boost/json.hpp>

#include "api/fakes.hpp"

namespace volta::test {

TEST_CASE("hosts as the contract shows them") {
  House house;
  check_golden("hosts.json", house.api.handle(request("GET", "/api/v1/hosts")).body);
  check_golden("host.json",
               house.api.handle(request("GET", "/api/v1/hosts/00000000000000a1")).body);
  CHECK(house.api.handle(request("GET", "/api/v1/hosts/alpha")).status == 200);
}

TEST_CASE("pages of hosts") {
  House house;
  for (int i = 0; i < 5; ++i) house.world.put_host("h" + std::to_string(i), HostState::offline);
  std::vector<std::string> names;
  std::string cursor;
  int pages = 0;
  do {
    const auto page = boost::json::parse(
        house.api.handle(request("GET", "/api/v1/hosts?limit=3&cursor=" + cursor)).body);
    for (const auto& item : page.at("items").as_array()) {
      names.emplace_back(item.at("name").as_string().c_str());
    }
    const auto& next = page.at("next_cursor");
    cursor = next.is_null() ? "" : std::string(next.as_string().c_str());
    ++pages;
  } while (!cursor.empty());
  CHECK(pages == 3);
  CHECK(names == std::vector<std::string>{"alpha", "beta", "h0", "h1", "h2", "h3", "h4"});

  const auto check = [&](const std::string& query) {
    CHECK(house.api.handle(request("GET", "/api/v1/hosts?" + query)).status == 400);
  };
  check("limit=0");
  check("limit=1001");
  check("limit=x");
  check("limit=");
  check("limit=99999999999999999999");
  check("cursor=xyz");
}

TEST_CASE("a host's power is its newest, best founded one while it reports") {
  House house;
  const HostId alpha = house.world.find("alpha")->id;
  const auto power = [&] {
    const auto parsed =
        boost::json::parse(house.api.handle(request("GET", "/api/v1/hosts/alpha")).body);
    return parsed.at("power_watts").is_null()
               ? std::string("none")
               : std::to_string(static_cast<int>(parsed.at("power_watts").as_double())) + " " +
                     parsed.at("power_quality").as_string().c_str();
  };
  CHECK(power() == "12 estimated");
  const auto meter = house.world.put_series(
      alpha, make_series(metrics::power_watts,
                         {{"zone", "host"}, {"source", "psys"}, {"quality", "measured"}}));
  house.world.put_sample(meter, house.clock.wall_ms() - 1000, 20.5);
  CHECK(power() == "12 estimated");
  house.world.put_sample(meter, house.clock.wall_ms(), 21.5);
  CHECK(power() == "21 measured");
  const auto package = house.world.put_series(
      alpha, make_series(metrics::power_watts, {{"zone", "package"}, {"quality", "measured"}}));
  house.world.put_sample(package, house.clock.wall_ms() + 5, 99);
  CHECK(power() == "21 measured");
  CHECK(house.world.set_disabled("00000000000000a1", true).has_value());
  CHECK(power() == "none");
}

TEST_CASE("facts that are no object do not break the list") {
  const auto check = [](const std::string& facts) {
    House house;
    house.world.put_host("gamma", HostState::live).record.facts_json = facts;
    const auto body = house.api.handle(request("GET", "/api/v1/hosts/gamma")).body;
    CHECK(boost::json::parse(body).at("facts").as_object().empty());
  };
  check("");
  check("[1]");
  check("{\"a\":1},\"state\":\"live\"");
  check("{\"a\":");
  check("{\"a\":\"\xff\"}");
  check(std::string(100, '{'));
}

TEST_CASE("adding, disabling, rotating, removing") {
  House house;
  const auto made = house.api.handle(as_admin(json_post("/api/v1/hosts", R"({"name":"gamma"})")));
  CHECK(made.status == 201);
  CHECK(header_of(made, "Cache-Control") == "no-store");
  CHECK(header_of(made, "Location") == "/api/v1/hosts/00000000000000a3");
  check_golden("new_host.json", made.body);

  const auto post = [&](const std::string& target) {
    return house.api.handle(as_admin(request("POST", target)));
  };
  CHECK(post("/api/v1/hosts/gamma/disable").body.find(R"("state":"disabled")") !=
        std::string::npos);
  CHECK(post("/api/v1/hosts/gamma/enable").body.find(R"("state":"offline")") != std::string::npos);
  CHECK(post("/api/v1/hosts/gamma/rotate").body.find(std::string(64, 'b')) != std::string::npos);
  CHECK(house.api.handle(as_admin(request("DELETE", "/api/v1/hosts/gamma"))).status == 204);
  CHECK(house.api.handle(as_admin(request("DELETE", "/api/v1/hosts/gamma"))).status == 404);
  CHECK(post("/api/v1/hosts/gamma/disable").status == 404);
  CHECK(post("/api/v1/hosts/gamma/enable").status == 404);
  CHECK(post("/api/v1/hosts/gamma/rotate").status == 404);
}

TEST_CASE("names that are no host names") {
  House house;
  const auto check = [&](const std::string& body, int status) {
    CHECK(house.api.handle(as_admin(json_post("/api/v1/hosts", body))).status == status);
  };
  check(R"({"name":""})", 422);
  check(R"({"name":"a b"})", 422);
  check(R"({"name":"../x"})", 422);
  check(R"({"name":")" + std::string(254, 'a') + "\"}", 422);
  check(R"({"name":7})", 422);
  check(R"({"nam":"x"})", 422);
  check("{", 400);
  check(R"({"name":"alpha"})", 409);
}

}  // namespace volta::test
