#include "collect/self.hpp"

#include <catch2/catch.hpp>

#include "collect/host_probe.hpp"

namespace volta {
std::unique_ptr<Collector> open_self(const HostRoots& roots, const CollectOptions& options);

namespace {

TEST_CASE("this process has a cost") {
  const auto collector = open_self({}, {});
  REQUIRE(collector);
  test::HostProbe probe;
  const auto first = probe.sample(*collector);
  CHECK(first.at("volta_self_cpu_seconds_total") > 0);
  CHECK(first.at("volta_self_resident_bytes") > 100'000);
  CHECK(first.at("volta_self_wakeups_total") >= 0);
  CHECK(probe.tick().load().self_cpu_us > 0);
  const std::uint64_t before = self_cpu_us();
  while (self_cpu_us() < before + 2'000) {
  }
  const auto second = probe.sample(*collector);
  CHECK(second.at("volta_self_cpu_seconds_total") >=
        first.at("volta_self_cpu_seconds_total") + 0.002);
}

TEST_CASE("on a recorded host nothing of this process is shown") {
  const HostRoots roots = test::recorded_host("laptop-i7");
  CHECK(open_self(roots, {}) == nullptr);
  Layout layout;
  Tick tick(layout);
  fill_self_load(roots, tick);
  CHECK(tick.load().self_cpu_us == 0);
  fill_self_load({}, tick);
  CHECK(tick.load().self_cpu_us > 0);
}

}  // namespace
}  // namespace volta
