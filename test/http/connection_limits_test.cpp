#include "http/connection_limits.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("one address has its own cap; the admin socket has its own places") {
  const auto counters = std::make_shared<HttpCounters>();
  ConnectionLimits limits(3, 2, counters);
  auto a = limits.admit("10.0.0.1", false);
  auto b = limits.admit("10.0.0.1", false);
  CHECK(a);
  CHECK(b);
  CHECK_FALSE(limits.admit("10.0.0.1", false));
  auto c = limits.admit("10.0.0.2", false);
  CHECK(c);
  CHECK_FALSE(limits.admit("10.0.0.3", false));
  CHECK(limits.admit("", true));
  a.reset();
  CHECK(limits.admit("10.0.0.1", false));
  CHECK(limits.open() == 2);
  CHECK(counters->clients(ClientKind::http) == 2);
}

}  // namespace
}  // namespace volta
