#include "outbound/network_rules.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

bool allowed(const std::vector<std::string>& allow, std::string_view address) {
  INFO(address);
  const auto rules = NetworkRules::make(allow);
  REQUIRE(rules);
  return rules->allows(address);
}

TEST_CASE("by default all but special addresses may be asked") {
  const NetworkRules rules = NetworkRules::standard();
  for (const char* address :
       {"127.0.0.1", "::1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "100.64.0.1", "fd12::1",
        "8.8.8.8", "2001:4860::8888", "::ffff:10.0.0.1", "169.253.255.255", "169.255.0.0"}) {
    INFO(address);
    CHECK(rules.allows(std::string_view(address)));
  }
  for (const char* address : {"169.254.169.254",
                              "169.254.0.1",
                              "0.0.0.0",
                              "0.1.2.3",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "fe80::1",
                              "febf::1",
                              "ff02::1",
                              "fd00:ec2::254",
                              "100.100.100.200",
                              "168.63.129.16",
                              "64:ff9b:1::a9fe:a9fe",
                              "64:ff9b:1:ffff::1",
                              "::ffff:0:169.254.169.254",
                              "::ffff:169.254.169.254",
                              "::169.254.169.254",
                              "64:ff9b::a9fe:a9fe",
                              "2002:a9fe:a9fe::1",
                              "nonsense",
                              ""}) {
    INFO(address);
    CHECK_FALSE(rules.allows(std::string_view(address)));
  }
}

TEST_CASE("what is denied is left out of all that is allowed") {
  const std::vector<std::string> allow = {"private", "8.8.0.0/16", "169.254.169.254"};
  const std::vector<std::string> deny = {"10.1.0.0/16", "8.8.8.8", "169.254.0.0/16"};
  const auto rules = NetworkRules::make(allow, deny);
  REQUIRE(rules);
  for (const char* address : {"10.0.0.1", "10.2.0.1", "192.168.0.1", "8.8.8.9"})
    CHECK(rules->allows(std::string_view(address)));
  for (const char* address : {"10.1.2.3", "::ffff:10.1.2.3", "2002:0a01:0203::1", "8.8.8.8",
                              "169.254.169.254", "1.1.1.1"})
    CHECK_FALSE(rules->allows(std::string_view(address)));
  const auto bad = NetworkRules::make(allow, std::vector<std::string>{"private"});
  REQUIRE_FALSE(bad);
  CHECK(bad.error().text.find("'private' is not a network") != std::string::npos);
}

TEST_CASE("an allow-list allows what it names and nothing else") {
  CHECK(allowed({"10.0.0.0/8"}, "10.9.9.9"));
  CHECK(allowed({"10.0.0.0/8"}, "::ffff:10.9.9.9"));
  CHECK_FALSE(allowed({"10.0.0.0/8"}, "11.0.0.1"));
  CHECK_FALSE(allowed({"10.0.0.0/8"}, "127.0.0.1"));
  CHECK_FALSE(allowed({}, "127.0.0.1"));
  CHECK(allowed({"loopback"}, "127.8.8.8"));
  CHECK(allowed({"loopback"}, "::1"));
  CHECK_FALSE(allowed({"loopback"}, "192.168.1.1"));
  CHECK(allowed({"private"}, "192.168.1.1"));
  CHECK(allowed({"private"}, "::ffff:0:192.168.1.1"));
  CHECK_FALSE(allowed({"public"}, "::ffff:0:192.168.1.1"));
  CHECK(allowed({"public"}, "64:ff9b:2::1"));
  CHECK_FALSE(allowed({"private"}, "9.9.9.9"));
  CHECK(allowed({"public"}, "9.9.9.9"));
  CHECK_FALSE(allowed({"public"}, "10.0.0.1"));
  CHECK(allowed({"192.168.1.7"}, "192.168.1.7"));
  CHECK_FALSE(allowed({"192.168.1.7"}, "192.168.1.8"));
  CHECK(allowed({"fd00:1::/33"}, "fd00:1:7fff::1"));
  CHECK_FALSE(allowed({"fd00:1::/33"}, "fd00:1:8000::1"));
}

TEST_CASE("special addresses are allowed only by name") {
  CHECK_FALSE(allowed({"0.0.0.0/0", "::/0"}, "169.254.169.254"));
  CHECK_FALSE(allowed({"::/0"}, "fe80::1"));
  CHECK(allowed({"0.0.0.0/0"}, "8.8.8.8"));
  CHECK_FALSE(allowed({"0.0.0.0/0"}, "2001:db8::1"));
  CHECK(allowed({"169.254.0.0/16"}, "169.254.169.254"));
  CHECK(allowed({"169.254.1.1"}, "169.254.1.1"));
  CHECK_FALSE(allowed({"169.254.1.1"}, "169.254.169.254"));
  CHECK(allowed({"fe80::/10"}, "fe80::1"));
  CHECK(allowed({"64:ff9b:1::/96"}, "64:ff9b:1::a00:1"));
}

TEST_CASE("a network that cannot be read is refused with what would do") {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "ten",
                           "fd00::/129", "10.0.0.1/8", "fd00::1/8", "10.0.0.0/8 "}) {
    INFO(text);
    const Result<Network> network = parse_network(text);
    CHECK_FALSE(network.has_value());
  }
  const auto rules = NetworkRules::make(std::vector<std::string>{"Loopback"});
  REQUIRE_FALSE(rules);
  CHECK(rules.error().text.find("the words loopback") != std::string::npos);
}

}  // namespace
}  // namespace volta
