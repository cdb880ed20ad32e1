// Columns for tests of the codec: each kind of value that it treats differently.
#pragma once

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "model/time_series.hpp"
#include "store/column_codec.hpp"

namespace volta::test {

struct CodecColumn {
  std::string name;
  ValueType type = ValueType::int64;
  std::vector<std::uint64_t> raw;
};

inline std::uint64_t bits_of(double value) { return std::bit_cast<std::uint64_t>(value); }

class SampleColumns {
 public:
  SampleColumns(std::uint64_t seed, std::size_t length) : random_(seed), length_(length) {}

  std::vector<CodecColumn> all() {
    integers();
    decimals();
    odd_doubles();
    return std::move(all_);
  }

 private:
  std::uint64_t below(std::uint64_t end) { return random_() % end; }

  template <typename Value>
  void add(const std::string& name, ValueType type, Value value) {
    CodecColumn column{name, type, {}};
    for (std::size_t i = 0; i < length_; ++i) column.raw.push_back(value(i));
    all_.push_back(std::move(column));
  }
  template <typename Value>
  void add_doubles(const std::string& name, Value value) {
    add(name, ValueType::float64, [&](std::size_t i) { return bits_of(value(i)); });
  }

  void integers() {
    const auto type = ValueType::uint64;
    add("zero", type, [](std::size_t) { return 0; });
    add("largest", type, [](std::size_t) { return ~std::uint64_t{0}; });
    add("ramp", type, [](std::size_t i) { return 17 + 1000 * i; });
    add("falling ramp", ValueType::int64, [](std::size_t i) { return 0 - 3 * i; });
    std::uint64_t walk = 1U << 20U;
    add("walk", type, [&](std::size_t) { return walk += below(21) - 10; });
    add("pages", type, [&](std::size_t) { return walk += 4096 * (below(9) - 4); });
    std::uint64_t counter = 0 - std::uint64_t{2000};
    add("counter past 2^64", type, [&](std::size_t) { return counter += below(1000); });
    counter = 0;
    add("counter with resets", type,
        [&](std::size_t) { return counter = below(50) == 0 ? 0 : counter + below(300); });
    add("steps", type, [&](std::size_t) { return counter += below(40) == 0 ? 12'345 : 0; });
    add("any bits", type, [&](std::size_t) { return random_(); });
    add("few bits, sometimes many", type,
        [&](std::size_t) { return random_() >> (below(60) == 0 ? 0U : 58U); });
    add("around 2^63", type, [&](std::size_t) { return (std::uint64_t{1} << 63U) + below(5) - 2; });
    add("ends of int64", ValueType::int64,
        [&](std::size_t) { return (std::uint64_t{1} << 63U) - below(2); });
    add("fast clock", type, [&](std::size_t i) { return i * i * 1'000'003 + below(3); });
  }

  void decimals() {
    for (int digits = 0; digits <= 12; ++digits) {
      const double tens = std::pow(10.0, digits);
      std::int64_t k = 12'345'678;
      add_doubles("decimal of " + std::to_string(digits), [&](std::size_t) {
        return static_cast<double>(k += static_cast<std::int64_t>(below(100)) - 50) / tens;
      });
    }
    std::uint64_t k = 1'000'000;
    add_doubles("product", [&](std::size_t) { return static_cast<double>(k += below(9)) * 1e-3; });
    add_doubles("two quotients",
                [&](std::size_t) { return static_cast<double>(k += below(9)) / 1e3 / 1e3; });
    add_doubles("two products",
                [&](std::size_t) { return static_cast<double>(k += below(9)) * 1e-3 * 1e-3; });
    add_doubles("seconds and nanos", [&](std::size_t i) {
      return static_cast<double>(1'700'000'000 + i) +
             static_cast<double>(below(1'000'000'000)) * 1e-9;
    });
    add_doubles("decimal with misfits", [&](std::size_t i) {
      return i % 40 == 7 ? std::sqrt(static_cast<double>(i))
                         : static_cast<double>(below(1000)) / 100.0;
    });
    add("decimal that goes stale", ValueType::float64, [&](std::size_t i) {
      return i + 1 == length_ ? kStaleBits : bits_of(static_cast<double>(below(1000)) / 10.0);
    });
  }

  void odd_doubles() {
    using Limits = std::numeric_limits<double>;
    add_doubles("constant decimal", [](std::size_t) { return 12.75; });
    add_doubles("constant third", [](std::size_t) { return 1.0 / 3; });
    add_doubles("minus zero", [](std::size_t) { return -0.0; });
    add_doubles("some minus zeros", [&](std::size_t) { return below(40) == 0 ? -0.0 : 0.0; });
    add_doubles("zeros of both signs", [&](std::size_t) { return below(2) == 0 ? -0.0 : 0.0; });
    add_doubles("infinities", [&](std::size_t) {
      return below(3) == 0 ? Limits::infinity() : below(2) == 0 ? -Limits::infinity() : 1.5;
    });
    add("stale", ValueType::float64, [](std::size_t) { return kStaleBits; });
    add("NaN payloads", ValueType::float64,
        [&](std::size_t) { return 0x7ff0'0000'0000'0001 + below(1U << 30U); });
    add("signalling and negative NaN", ValueType::float64, [&](std::size_t) {
      return below(2) == 0 ? 0xfff4'0000'0000'0001 : bits_of(Limits::quiet_NaN());
    });
    add("denormals", ValueType::float64, [&](std::size_t) { return below(1U << 20U); });
    add_doubles("extremes", [&](std::size_t) {
      return below(2) == 0 ? Limits::max() : below(2) == 0 ? Limits::lowest() : Limits::min();
    });
    add_doubles("above 2^53", [&](std::size_t) {
      return 9'007'199'254'740'992.0 + 2 * static_cast<double>(below(100));
    });
    add_doubles("about 2^63",
                [&](std::size_t) { return 9.2e18 + 1e16 * static_cast<double>(below(100)); });
    add_doubles("wave", [](std::size_t i) { return std::sin(static_cast<double>(i) / 100); });
    double value = 50;
    add_doubles("double walk", [&](std::size_t) {
      return value += static_cast<double>(below(1U << 30U)) / static_cast<double>(1U << 30U) - 0.5;
    });
    add("any double", ValueType::float64, [&](std::size_t) { return random_(); });
  }

  std::mt19937_64 random_;
  std::size_t length_;
  std::vector<CodecColumn> all_;
};

}  // namespace volta::test
