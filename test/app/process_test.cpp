#include "app/process.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

using std::chrono::microseconds;

TEST_CASE("the watchdog hears volta at half of its patience, where it waits for this process") {
  CHECK(watchdog_period("30000000", 7, nullptr) == microseconds(15'000'000));
  CHECK(watchdog_period("30000000", 7, "7") == microseconds(15'000'000));
  CHECK(watchdog_period("3", 7, nullptr) == microseconds(1000));  // never without a rest
  CHECK_FALSE(watchdog_period(nullptr, 7, nullptr));
  CHECK_FALSE(watchdog_period(nullptr, 7, "7"));
  CHECK_FALSE(watchdog_period("30000000", 7, "8"));  // our parent's, not ours
  CHECK_FALSE(watchdog_period("30000000", 7, ""));
  for (const char* nothing : {"", "0", "-2", "2s", "99999999999999999999"}) {
    CAPTURE(nothing);
    CHECK_FALSE(watchdog_period(nothing, 7, nullptr));
  }
}

}  // namespace
}  // namespace volta
