#include "base/host_port.hpp"

#include <catch2/catch.hpp>

using namespace volta;

namespace {

void check(std::string_view text, std::string_view host, int port) {
  CAPTURE(text);
  const auto parsed = parse_host_port(text);
  REQUIRE(parsed);
  CHECK(parsed->host == host);
  CHECK(parsed->port == port);
  CHECK(to_text(*parsed) == text);
}

}  // namespace

TEST_CASE("host_port: what can be connected to") {
  check("127.0.0.1:8420", "127.0.0.1", 8420);
  check("[::1]:0", "::1", 0);
  check("[2001:db8::7]:65535", "2001:db8::7", 65535);
  check("server-1.example_lab:8421", "server-1.example_lab", 8421);
}

TEST_CASE("host_port: what cannot") {
  for (const auto* text : {"", ":", ":80", "host", "host:", "host:x", "host:-1", "host:65536",
                           "host:80 ", "[]:80", "[:80", "[::1:80", "::1]:80", "::1:80",
                           "[127.0.0.1]:80", "[::g]:80", "a b:80", "http://a:80", "a:80:90"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_host_port(text));
  }
}

TEST_CASE("host_port: who is loopback") {
  for (const auto* host : {"127.0.0.1", "127.255.1.2", "::1", "::ffff:127.0.0.1", "localhost"}) {
    CAPTURE(host);
    CHECK(is_loopback(host));
  }
  for (const auto* host : {"", "128.0.0.1", "127.example", "127.0.0.1.example", "0.0.0.0",
                           "::", "::ffff:10.0.0.1", "localhost.example", "[::1]"}) {
    CAPTURE(host);
    CHECK_FALSE(is_loopback(host));
  }
}
