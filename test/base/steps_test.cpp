#include "base/steps.hpp"

#include <cstdint>

#include <catch2/catch.hpp>

namespace volta {

TEST_CASE("multiples of a step stand on both sides of a number") {
  const auto check = [](std::int64_t value, std::int64_t below, std::int64_t above) {
    CAPTURE(value);
    CHECK(floor_to_step(value, 10) == below);
    CHECK(ceil_to_step(value, 10) == above);
  };
  check(0, 0, 0);
  check(10, 10, 10);
  check(11, 10, 20);
  check(19, 10, 20);
  check(-10, -10, -10);
  check(-1, -10, 0);
  check(-19, -20, -10);
  CHECK(floor_to_step(INT64_MAX, 1) == INT64_MAX);
  CHECK(ceil_to_step(INT64_MIN, 1) == INT64_MIN);
  CHECK(floor_to_step(INT64_MAX, INT64_MAX) == INT64_MAX);
  CHECK(ceil_to_step(INT64_MIN, INT64_MAX) == -INT64_MAX);
}

}  // namespace volta
