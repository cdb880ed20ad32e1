// Numbers out of kernel text, without allocation and without exceptions.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text.hpp"

namespace volta {

// Cuts the next field off the front and reads it as a decimal number that fits 64 bits; empty if it
// is something else (the field is gone all the same).
inline std::optional<std::uint64_t> next_unsigned(std::string_view& rest) {
  const std::string_view field = next_field(rest);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc{} || end != field.data() + field.size() || field.empty())
    return std::nullopt;
  return value;
}

// The same for what is kept as int64: a larger number is a negative one that the kernel shows
// without its sign, and is no reading.
inline std::optional<std::uint64_t> next_count(std::string_view& rest) {
  const auto value = next_unsigned(rest);
  return value && *value <= INT64_MAX ? value : std::nullopt;
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
