#include "energy/host_model.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("the curve goes through its points and is flat beyond them") {
  const auto check = [](double utilisation, double want) {
    CAPTURE(utilisation);
    CHECK(host_power_w(100, utilisation, 0) == Approx(want));
  };
  check(-1, 12);
  check(0, 12);
  check(0.05, 22);
  check(0.1, 32);
  check(0.3, 53.5);
  check(0.5, 75);
  check(1, 102);
  check(2, 102);
}

TEST_CASE("memory adds 0.284 W for each GB") {
  CHECK(host_power_w(0, 0, 16'000'000'000) == Approx(4.544));
}

}  // namespace
}  // namespace volta
