#include "rpc/address.hpp"

#include <arpa/inet.h>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "rpc/connection.hpp"

namespace volta::rpc {
namespace {

Peer v4(const char* text, std::uint16_t port = 8421) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  REQUIRE(::inet_pton(AF_INET, text, &address.sin_addr) == 1);
  return describe(reinterpret_cast<sockaddr*>(&address), sizeof(address));
}

Peer v6(const char* text, std::uint16_t port = 8421) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  REQUIRE(::inet_pton(AF_INET6, text, &address.sin6_addr) == 1);
  return describe(reinterpret_cast<sockaddr*>(&address), sizeof(address));
}

TEST_CASE("loopback is what never leaves the machine, plaintext is for it alone") {
  const auto check = [](const Peer& peer, const std::string& text, bool loopback) {
    CHECK(peer.text() == text);
    CHECK(peer.loopback == loopback);
    CHECK(plaintext_allowed(peer, {}) == loopback);
    RpcServerOptions insecure;
    insecure.insecure_plaintext = true;
    CHECK(plaintext_allowed(peer, insecure));
  };
  check(v4("127.0.0.1"), "127.0.0.1:8421", true);
  check(v4("127.255.255.254"), "127.255.255.254:8421", true);
  check(v4("128.0.0.1"), "128.0.0.1:8421", false);
  check(v4("192.168.1.7", 65535), "192.168.1.7:65535", false);
  check(v4("0.0.0.0"), "0.0.0.0:8421", false);
  check(v6("::1"), "[::1]:8421", true);
  check(v6("::2"), "[::2]:8421", false);
  check(v6("fe80::1"), "[fe80::1]:8421", false);
  check(v6("::ffff:127.0.0.1"), "127.0.0.1:8421", true);
  check(v6("::ffff:10.0.0.1"), "10.0.0.1:8421", false);
  sockaddr other{};
  other.sa_family = AF_UNIX;
  check(describe(&other, sizeof(other)), "unknown:0", false);
}

TEST_CASE("a busy port and an unknown host are told apart") {
  const UniqueFd first = listen_on("127.0.0.1", 0);
  const std::uint16_t port = bound_port(first.get());
  CHECK(port != 0);
  try {
    (void)listen_on("127.0.0.1", port);
    FAIL("listened twice");
  } catch (const SystemFailure& failure) {
    CHECK(failure.error_number() == EADDRINUSE);
    CHECK_THAT(failure.what(), Catch::Contains(std::to_string(port)));
  }
  CHECK_THROWS_AS(listen_on("no such host.invalid", 1), Failure);
}

}  // namespace
}  // namespace volta::rpc
