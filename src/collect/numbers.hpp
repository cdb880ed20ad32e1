// Numbers out of kernel text, without allocation and without exceptions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/text.hpp"

namespace volta {

// Cuts the next field off the front and reads it as a decimal number that fits 64 bits; empty if it
// is something else (the field is gone all the same).
inline std::optional<std::uint64_t> next_unsigned(std::string_view& rest) {
  return parse_integer<std::uint64_t>(next_field(rest));
}

// The whole of `field` as a number that is kept as int64: a larger one is a negative one that the
// kernel shows without its sign, and is no reading.
inline std::optional<std::uint64_t> to_count(std::string_view field) {
  const auto value = parse_integer<std::uint64_t>(field);
  return value && *value <= INT64_MAX ? value : std::nullopt;
}

inline std::optional<std::uint64_t> next_count(std::string_view& rest) {
  return to_count(next_field(rest));
}

// Cuts as many fields off the front as there are and `out` has room for, and reads each as a count.
// One that is malformed is empty and costs none of its neighbours. Answers how many there were.
inline std::size_t next_counts(std::string_view& rest,
                               std::span<std::optional<std::uint64_t>> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::string_view field = next_field(rest);
    if (field.empty()) return i;
    out[i] = to_count(field);
  }
  return out.size();
}

// In another unit; empty if it is, or if it then no longer fits int64.
inline std::optional<std::uint64_t> in_unit(std::optional<std::uint64_t> count,
                                            std::uint64_t factor) {
  std::uint64_t product = 0;
  if (!count || __builtin_mul_overflow(*count, factor, &product) || product > INT64_MAX)
    return std::nullopt;
  return product;
}

// A 32-bit counter that wraps, made into one that does not. A decrease by more than half the range
// is a wrap; after any other the counter began anew, and what it shows now is added.
class Unwrapped32 {
 public:
  std::uint64_t add(std::uint64_t shown) {
    if (shown > UINT32_MAX) {  // it has more than 32 bits on this kernel
      total_ = shown < total_ ? total_ : shown;
      begun_ = false;
      return total_;
    }
    std::uint64_t step = 0;
    if (!begun_) {
      step = total_ == 0 ? shown : 0;  // after a wide value it goes on from where it is
    } else if (shown >= last_) {
      step = shown - last_;
    } else if (last_ - shown > (std::uint64_t{1} << 31U)) {
      step = shown + (std::uint64_t{1} << 32U) - last_;
    } else {
      step = shown;
    }
    begun_ = true;
    last_ = shown;
    if (__builtin_add_overflow(total_, step, &total_)) total_ = UINT64_MAX;
    return total_;
  }

 private:
  bool begun_ = false;
  std::uint64_t last_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace volta
