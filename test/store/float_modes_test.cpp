#include "store/float_modes.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

namespace volta {
namespace {

std::vector<std::uint64_t> raw_doubles(std::size_t count, double (*value)(std::int64_t)) {
  std::mt19937_64 random(21);
  std::vector<std::uint64_t> raw;
  std::int64_t k = 123'456'789;
  for (std::size_t i = 0; i < count; ++i)
    raw.push_back(
        std::bit_cast<std::uint64_t>(value(k += static_cast<std::int64_t>(random() % 50))));
  return raw;
}

// That find() takes this mode without exceptions and that the integers give back the bits.
void finds(FloatMode want, double (*value)(std::int64_t)) {
  INFO("mode " << int{want.mode} << " exponent " << int{want.exponent});
  const auto raw = raw_doubles(1000, value);
  FloatModeEncoder encoder;
  FloatMode mode;
  REQUIRE(encoder.find(raw, mode));
  CHECK(int{mode.mode} == int{want.mode});
  CHECK(int{mode.exponent} == int{want.exponent});
  CHECK(encoder.exceptions().empty());
  std::vector<std::uint64_t> back(raw.size());
  float_values(mode, encoder.integers(), back);
  CHECK(back == raw);
  std::vector<double> doubles(raw.size());
  float_values(mode, encoder.integers(), doubles);
  CHECK(std::equal(raw.begin(), raw.end(), doubles.begin(), [](std::uint64_t bits, double value_) {
    return bits == std::bit_cast<std::uint64_t>(value_);
  }));
}

TEST_CASE("The arithmetic that made doubles of integers is found") {
  finds({1, 0}, [](std::int64_t k) { return static_cast<double>(k); });
  finds({1, 2}, [](std::int64_t k) { return static_cast<double>(k) / 100; });
  finds({1, 9}, [](std::int64_t k) { return static_cast<double>(k) / 1e9; });
  finds({2, 3}, [](std::int64_t k) { return static_cast<double>(k) * 1e-3; });
  finds({2, 9}, [](std::int64_t k) { return static_cast<double>(k) * 1e-9; });
  finds({3, 6}, [](std::int64_t k) { return static_cast<double>(k) / 1e3 / 1e3; });
  finds({4, 6}, [](std::int64_t k) { return static_cast<double>(k) * 1e-3 * 1e-3; });
  finds({5, 0}, [](std::int64_t k) {
    return static_cast<double>(1 + k % 3) + static_cast<double>(k * 7'919 % 1'000'000'000) * 1e-9;
  });
}

TEST_CASE("What a mode cannot say is an exception, and too much of it no mode") {
  using Limits = std::numeric_limits<double>;
  auto raw = raw_doubles(320, [](std::int64_t k) { return static_cast<double>(k) / 10; });
  const std::vector<double> odd = {-0.0,           Limits::quiet_NaN(), Limits::infinity(),
                                   std::sqrt(2.0), Limits::max(),       Limits::denorm_min()};
  FloatModeEncoder encoder;
  for (std::size_t i = 0; i < odd.size(); ++i) {
    const std::size_t at = i == 0 ? 0 : i == 5 ? 319 : 50 * i + 3;
    raw[at] = std::bit_cast<std::uint64_t>(odd[i]);
    REQUIRE(encoder.apply(raw, {1, 1}));
    REQUIRE(encoder.exceptions().size() == i + 1);
    CHECK(encoder.exceptions().back().position == at);
    CHECK(encoder.exceptions().back().bits == raw[at]);
    // It is no step: it holds what a neighbour holds.
    CHECK(encoder.integers()[at] == encoder.integers()[at == 0 ? 1 : at - 1]);
  }
  for (std::size_t at = 100; at < 110; ++at) raw[at] = raw[0];
  CHECK_FALSE(encoder.apply(raw, {1, 1}));
  FloatMode mode;
  CHECK_FALSE(encoder.find(std::vector<std::uint64_t>(5, raw[0]), mode));
}

TEST_CASE("Modes that the format does not know are none") {
  for (unsigned mode = 0; mode < 16; ++mode) {
    for (unsigned exponent = 0; exponent < 16; ++exponent) {
      const bool want = mode == 0 || mode == 5 ? exponent == 0
                        : mode < 3             ? true
                                               : mode < 5 && exponent >= 3;
      INFO("mode " << mode << " exponent " << exponent);
      CHECK(is_float_mode({static_cast<std::uint8_t>(mode), static_cast<std::uint8_t>(exponent)}) ==
            want);
    }
  }
}

}  // namespace
}  // namespace volta
