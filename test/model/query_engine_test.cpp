#include "model/query_engine.hpp"

#include <catch2/catch.hpp>

namespace volta {

TEST_CASE("the number of points is written as Prometheus writes it") {
  const auto check = [](std::size_t most, const std::string& number) {
    CHECK(too_many_points(most) ==
          "exceeded maximum resolution of " + number +
              " points per timeseries. Try decreasing the query resolution (?step=XX)");
  };
  check(7, "7");
  check(999, "999");
  check(1'000, "1,000");
  check(11'000, "11,000");
  check(1'234'567, "1,234,567");
}

}  // namespace volta
