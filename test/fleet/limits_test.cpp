#include "fleet/limits.hpp"

#include <catch2/catch.hpp>

#include "fleet/fakes.hpp"
#include "support/fake_clock.hpp"

namespace volta {
namespace {

TEST_CASE("limits of hosts that were removed go, others stay") {
  const test::FakeClock clock(1'000'000);
  test::FakeDirectory directory;
  LimitsOfHosts limits({}, clock, directory);
  const auto add = [&](int number) {
    HostToken token{};
    token[0] = static_cast<std::uint8_t>(number / 256);
    token[1] = static_cast<std::uint8_t>(number % 256);
    return directory.add("h" + std::to_string(number), test::token_hash(token)).value().id;
  };
  const HostId kept = add(0);
  const HostLimits* const first = limits.of(kept, nullptr).get();
  const HostId in_use = add(1);
  const auto held = limits.of(in_use, nullptr);
  REQUIRE(directory.remove(in_use));
  for (int i = 2; i < 1000; ++i) {
    const HostId host = add(i);
    (void)limits.of(host, nullptr);
    REQUIRE(directory.remove(host));
    REQUIRE(limits.size() <= 130);
  }
  CHECK(limits.of(kept, nullptr).get() == first);
}

}  // namespace
}  // namespace volta
