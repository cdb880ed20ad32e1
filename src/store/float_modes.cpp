#include "store/float_modes.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <type_traits>

namespace volta {
namespace {

constexpr std::array<double, 16> kTens = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
constexpr std::array<double, 16> kTenths = {1e0,  1e-1, 1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,
                                            1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15};
constexpr std::int64_t kNanos = 1'000'000'000;
// An integer beyond 2^53 says more than a double can: then the bits make smaller integers.
constexpr double kLargestInteger = 9'007'199'254'740'992.0;
constexpr std::size_t kSampleValues = 24;

// One struct per mode: the decoder's arithmetic, each operation rounded once, and the encoder's
// guess what the integer was. Exponents are checked by is_float_mode().
struct Quotient {
  double tens;
  explicit Quotient(std::uint8_t exponent) : tens(kTens.at(exponent)) {}
  [[nodiscard]] double value(std::int64_t k) const { return static_cast<double>(k) / tens; }
  [[nodiscard]] double guess(double value) const { return value * tens; }
};
struct Product {
  double tenths;
  double tens;
  explicit Product(std::uint8_t exponent)
      : tenths(kTenths.at(exponent)), tens(kTens.at(exponent)) {}
  [[nodiscard]] double value(std::int64_t k) const { return static_cast<double>(k) * tenths; }
  [[nodiscard]] double guess(double value) const { return value * tens; }
};
struct TwoQuotients {
  double rest;
  double tens;
  explicit TwoQuotients(std::uint8_t exponent)
      : rest(kTens.at(exponent - 3U)), tens(kTens.at(exponent)) {}
  [[nodiscard]] double value(std::int64_t k) const { return static_cast<double>(k) / 1e3 / rest; }
  [[nodiscard]] double guess(double value) const { return value * tens; }
};
struct TwoProducts {
  double rest;
  double tens;
  explicit TwoProducts(std::uint8_t exponent)
      : rest(kTenths.at(exponent - 3U)), tens(kTens.at(exponent)) {}
  [[nodiscard]] double value(std::int64_t k) const { return static_cast<double>(k) * 1e-3 * rest; }
  [[nodiscard]] double guess(double value) const { return value * tens; }
};
struct SecondsAndNanos {
  explicit SecondsAndNanos(std::uint8_t /*exponent*/) {}
  [[nodiscard]] double value(std::int64_t k) const {
    const std::int64_t seconds = k / kNanos;
    return static_cast<double>(seconds) + static_cast<double>(k % kNanos) * 1e-9;
  }
  // Exact but for the one product, whose error is far below one half.
  [[nodiscard]] double guess(double value) const {
    const double seconds = std::trunc(value);
    return seconds * 1e9 + std::round((value - seconds) * 1e9);
  }
};

// Calls use(arithmetic) with the mode's struct. Requires mode != 0.
template <typename Use>
auto with_mode(FloatMode mode, Use use) {
  switch (mode.mode) {
    case 1:
      return use(Quotient(mode.exponent));
    case 2:
      return use(Product(mode.exponent));
    case 3:
      return use(TwoQuotients(mode.exponent));
    case 4:
      return use(TwoProducts(mode.exponent));
    default:
      return use(SecondsAndNanos(mode.exponent));
  }
}

// False: no integer gives this double.
template <typename Arithmetic>
bool integer_of(const Arithmetic& arithmetic, std::uint64_t raw, std::int64_t& k) {
  const double guess = arithmetic.guess(std::bit_cast<double>(raw));
  if (!(std::fabs(guess) < kLargestInteger)) return false;  // NaN too
  // A few instructions, where llround is a call; halves may go either way, as the check decides.
  k = static_cast<std::int64_t>(guess + (guess < 0 ? -0.5 : 0.5));
  return std::bit_cast<std::uint64_t>(arithmetic.value(k)) == raw;
}

constexpr std::array<FloatMode, 56> make_mode_order() {
  std::array<FloatMode, 56> order{};
  std::size_t next = 0;
  for (std::uint8_t e = 0; e < 16; ++e) {
    order[next++] = {1, e};
    if (e > 0) order[next++] = {2, e};
    if (e > 3) order[next++] = {3, e};
    if (e > 3) order[next++] = {4, e};
    if (e == 9) order[next++] = {5, 0};
  }
  return order;
}
// In the order in which they are tried. The first that fits is taken: a decimal fits all larger
// exponents too, with larger integers, and the largest fit nearly everything.
constexpr auto kModeOrder = make_mode_order();
static_assert(kModeOrder.back().mode == 4);

template <typename T>
void values_of(FloatMode mode, std::span<const std::uint64_t> integers, std::span<T> out) {
  with_mode(mode, [&](const auto& arithmetic) {
    for (std::size_t i = 0; i < integers.size(); ++i)
      out[i] = std::bit_cast<T>(arithmetic.value(static_cast<std::int64_t>(integers[i])));
  });
}

std::size_t most_exceptions(std::size_t values) { return values / 32 + 1; }

}  // namespace

bool is_float_mode(FloatMode mode) {
  if (mode.mode == 0 || mode.mode == 5) return mode.exponent == 0;
  if (mode.mode > 5 || mode.exponent > 15) return false;
  return mode.mode < 3 || mode.exponent >= 3;
}

bool FloatModeEncoder::apply(std::span<const std::uint64_t> raw, FloatMode mode) {
  integers_.resize(raw.size());
  exceptions_.clear();
  if (mode.mode == 0) {
    std::copy(raw.begin(), raw.end(), integers_.begin());
    return true;
  }
  const std::size_t most = most_exceptions(raw.size());
  return with_mode(mode, [&](const auto& arithmetic) {
    std::size_t first = raw.size();  // that is no exception
    for (std::size_t i = 0; i < raw.size(); ++i) {
      std::int64_t k = 0;
      if (integer_of(arithmetic, raw[i], k)) {
        integers_[i] = static_cast<std::uint64_t>(k);
        first = std::min(first, i);
        continue;
      }
      if (exceptions_.size() == most) return false;
      exceptions_.push_back({static_cast<std::uint32_t>(i), raw[i]});
      integers_[i] = i > 0 ? integers_[i - 1] : 0;
    }
    // Exceptions at the front hold what follows them, so that they are no step.
    if (first < raw.size()) std::fill_n(integers_.begin(), first, integers_[first]);
    return first < raw.size();
  });
}

bool FloatModeEncoder::fits_sample(FloatMode mode) const {
  const std::size_t most = sample_.size() / 8;
  return with_mode(mode, [&](const auto& arithmetic) {
    std::size_t misfits = 0;
    std::int64_t k = 0;
    for (const auto raw : sample_) {
      if (!integer_of(arithmetic, raw, k) && ++misfits > most) return false;
    }
    return true;
  });
}

bool FloatModeEncoder::find(std::span<const std::uint64_t> raw, FloatMode& mode) {
  sample_.clear();
  const std::size_t stride = raw.size() / kSampleValues + 1;
  for (std::size_t i = 0; i < raw.size(); i += stride) sample_.push_back(raw[i]);
  FloatMode best;
  std::size_t fewest = raw.size() + 1;
  std::size_t tries = 0;
  for (const auto candidate : kModeOrder) {
    if (!fits_sample(candidate)) continue;
    if (apply(raw, candidate) && exceptions_.size() < fewest) {
      best = candidate;
      fewest = exceptions_.size();
    }
    // A few misfits may come from digits that the sample had none of; many more tries cost more
    // than they find.
    if (fewest == 0 || ++tries == 8) break;
  }
  if (fewest > raw.size()) return false;
  mode = best;
  return fewest == 0 || apply(raw, best);
}

void float_values(FloatMode mode, std::span<const std::uint64_t> integers,
                  std::span<std::uint64_t> raw) {
  if (mode.mode == 0) {
    if (raw.data() != integers.data()) std::copy(integers.begin(), integers.end(), raw.begin());
    return;
  }
  values_of(mode, integers, raw);
}

void float_values(FloatMode mode, std::span<const std::uint64_t> integers,
                  std::span<double> values) {
  if (mode.mode == 0) {
    std::transform(integers.begin(), integers.end(), values.begin(),
                   [](std::uint64_t bits) { return std::bit_cast<double>(bits); });
    return;
  }
  values_of(mode, integers, values);
}

}  // namespace volta
