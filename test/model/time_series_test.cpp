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

TEST_CASE("times are in reach as far as sums of a few of them fit") {
  CHECK(in_reach(0));
  CHECK(in_reach(kFarthestTimeMs));
  CHECK(in_reach(-kFarthestTimeMs));
  CHECK_FALSE(in_reach(kFarthestTimeMs + 1));
  CHECK_FALSE(in_reach(-kFarthestTimeMs - 1));
  CHECK_FALSE(in_reach(std::numeric_limits<std::int64_t>::max()));
  CHECK_FALSE(in_reach(std::numeric_limits<std::int64_t>::min()));
}

TEST_CASE("of labels those remain that a question about a host's metric has not told") {
  CHECK(without_name_and_host({{"__name__", "m"}, {"host", "a"}, {"hosts", "2"}, {"zone", "x"}}) ==
        Labels{{"hosts", "2"}, {"zone", "x"}});
  CHECK(without_name_and_host({}).empty());
}

}  // namespace volta
