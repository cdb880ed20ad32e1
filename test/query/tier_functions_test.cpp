#include "query/tier_functions.hpp"

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

using namespace volta;
using namespace volta::promql;

namespace {

// Three minutes of a series that grows by one each ten seconds.
WindowColumn three_minutes() {
  WindowColumn column;
  for (std::int64_t minute = 0; minute < 3; ++minute) {
    const double first = 1 + 6.0 * static_cast<double>(minute);
    column.end_ms.push_back(60'000 * (minute + 1));
    column.first_ms.push_back(60'000 * minute + 10'000);
    column.last_ms.push_back(60'000 * (minute + 1));
    column.first.push_back(first);
    column.last.push_back(first + 5);
    column.min.push_back(first);
    column.max.push_back(first + 5);
    column.sum.push_back(6 * first + 15);
    column.increase.push_back(5);
    column.count.push_back(6);
    column.ends_stale.push_back(0);
  }
  return column;
}

}  // namespace

TEST_CASE("windows that do not know their growth leave rates to the samples") {
  WindowColumn column = three_minutes();
  WindowTimes windows;
  windows.grid = {180'000, 60'000, 1};
  windows.range_ms = 180'000;
  std::vector<double> out(1);
  const TierInput input{column, windows, 0};
  REQUIRE(function_of_windows(FunctionId::increase, input, out));
  CHECK(out[0] == Approx(18));
  column.increase[1] = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(function_of_windows(FunctionId::increase, input, out));
  CHECK_FALSE(function_of_windows(FunctionId::rate, input, out));
  CHECK(function_of_windows(FunctionId::sum_over_time, input, out));
}

TEST_CASE("a window with a sample that is no number costs no other step its mean") {
  WindowColumn column = three_minutes();
  column.sum[1] = std::numeric_limits<double>::quiet_NaN();
  WindowTimes windows;
  windows.grid = {60'000, 60'000, 3};
  windows.range_ms = 60'000;
  std::vector<double> out(3);
  const TierInput input{column, windows, 0};
  REQUIRE(function_of_windows(FunctionId::avg_over_time, input, out));
  CHECK(out[0] == 3.5);
  CHECK(std::isnan(out[1]));
  CHECK(out[2] == 15.5);
  // Beyond what doubles hold, samples may tell the mean.
  column.sum[1] = std::numeric_limits<double>::infinity();
  CHECK_FALSE(function_of_windows(FunctionId::avg_over_time, input, out));
}
