#include "model/time_series.hpp"

#include <bit>
#include <limits>

#include <catch2/catch.hpp>

namespace volta {

TEST_CASE("of all NaNs one ends a series") {
  CHECK(is_stale_marker(std::bit_cast<double>(kStaleBits)));
  CHECK_FALSE(is_stale_marker(std::bit_cast<double>(kStaleBits + 1)));
  CHECK_FALSE(is_stale_marker(std::numeric_limits<double>::quiet_NaN()));
  CHECK_FALSE(is_stale_marker(0));
}

}  // namespace volta
