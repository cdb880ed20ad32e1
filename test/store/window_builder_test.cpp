#include "store/window_builder.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "support/seed.hpp"

namespace volta {
namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN();
const double kStaleMarker = std::bit_cast<double>(kStaleBits);
constexpr std::int64_t kMinute = 60'000;

WindowColumn windows_of(const std::vector<std::int64_t>& times, const std::vector<double>& values) {
  return build_windows({times, values}, kMinute);
}

bool same_number(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

TEST_CASE("windows are open on the left") {
  CHECK(window_end_ms(0, kMinute) == 0);
  CHECK(window_end_ms(1, kMinute) == kMinute);
  CHECK(window_end_ms(kMinute, kMinute) == kMinute);
  CHECK(window_end_ms(-1, kMinute) == 0);
  CHECK(window_end_ms(-kMinute, kMinute) == -kMinute);
  CHECK(window_end_ms(-kMinute - 1, kMinute) == -kMinute);
  CHECK(window_end_ms(INT64_MAX, kMinute) == INT64_MAX);
  CHECK(window_end_ms(INT64_MIN, kMinute) >= INT64_MIN);
  const WindowColumn column = windows_of({0, 1, 30'000, 60'000, 60'001}, {1, 2, 3, 4, 5});
  CHECK(column.end_ms == std::vector<std::int64_t>{0, 60'000, 120'000});
  CHECK(column.count == std::vector<std::uint32_t>{1, 3, 1});
  CHECK(column.first_ms == std::vector<std::int64_t>{0, 1, 60'001});
  CHECK(column.last_ms == std::vector<std::int64_t>{0, 60'000, 60'001});
  CHECK(column.sum == std::vector<double>{1, 9, 5});
}

TEST_CASE("a drop of a counter counts from zero") {
  const WindowColumn column = windows_of({1, 2, 3, 4}, {10, 15, 3, 4});
  CHECK(column.increase == std::vector<double>{5 + 3 + 1});
  CHECK(column.first == std::vector<double>{10});
  CHECK(column.last == std::vector<double>{4});
}

TEST_CASE("NaN makes the sum NaN and is no minimum unless there is nothing else") {
  const WindowColumn mixed = windows_of({1, 2, 3}, {kNaN, 4, 2});
  CHECK(std::isnan(mixed.sum[0]));
  CHECK(mixed.min[0] == 2);
  CHECK(mixed.max[0] == 4);
  CHECK(mixed.count[0] == 3);
  const WindowColumn all = windows_of({1, 2}, {kNaN, kNaN});
  CHECK(std::isnan(all.min[0]));
  CHECK(std::isnan(all.max[0]));
}

TEST_CASE("stale markers count nowhere but at the end of a window") {
  const WindowColumn ended = windows_of({1, 2}, {7, kStaleMarker});
  CHECK(ended.count == std::vector<std::uint32_t>{1});
  CHECK(ended.last == std::vector<double>{7});
  CHECK(ended.ends_stale == std::vector<std::uint8_t>{1});
  const WindowColumn back = windows_of({1, 2, 3}, {7, kStaleMarker, 8});
  CHECK(back.ends_stale == std::vector<std::uint8_t>{0});
  CHECK(back.increase == std::vector<double>{1});
  CHECK(windows_of({1}, {kStaleMarker}).size() == 0);
  const WindowColumn later = windows_of({1, 70'000}, {7, kStaleMarker});
  CHECK(later.size() == 1);
  CHECK(later.ends_stale == std::vector<std::uint8_t>{0});
}

TEST_CASE("windows of random samples are what their definition says") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int64_t> times;
    std::vector<double> values;
    std::map<std::int64_t, std::vector<double>> by_window;
    std::int64_t at = -200'000;
    for (std::size_t i = random() % 40; i-- > 0;) {
      at += 1 + static_cast<std::int64_t>(random() % 30'000);
      times.push_back(at);
      values.push_back(random() % 20 == 0 ? kNaN : static_cast<double>(random() % 100));
      std::int64_t end = -240'000;
      while (end < at) end += kMinute;
      by_window[end].push_back(values.back());
    }
    const WindowColumn column = windows_of(times, values);
    REQUIRE(column.size() == by_window.size());
    std::size_t i = 0;
    for (const auto& [end, inside] : by_window) {
      CHECK(column.end_ms[i] == end);
      CHECK(column.count[i] == inside.size());
      double sum = 0;
      double least = kNaN;
      double most = kNaN;
      for (const double value : inside) {
        sum += value;
        least = std::fmin(least, value);
        most = std::fmax(most, value);
      }
      CHECK(same_number(column.sum[i], sum));
      CHECK(same_number(column.min[i], least));
      CHECK(same_number(column.max[i], most));
      CHECK(same_number(column.first[i], inside.front()));
      CHECK(same_number(column.last[i], inside.back()));
      ++i;
    }
  }
}

}  // namespace
}  // namespace volta
