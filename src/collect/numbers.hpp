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

// A 32-bit counter that wraps, made into one that does not. A decrease is a wrap if it is one of
// less than half the range, else the counter began anew and what it shows now is added.
class Unwrapped32 {
 public:
  std::uint64_t add(std::uint64_t shown) {
    if (shown > UINT32_MAX) {  // it has more than 32 bits on this kernel
      total_ = shown < total_ ? total_ : shown;
      last_ = shown;
      return total_;
    }
    if (!begun_) {
      begun_ = true;
      total_ = shown;
    } else if (shown >= last_) {
      total_ += shown - last_;
    } else if (last_ - shown > (std::uint64_t{1} << 31U)) {
      total_ += shown + (std::uint64_t{1} << 32U) - last_;
    } else {
      total_ += shown;
    }
    last_ = shown;
    return total_;
  }

 private:
  bool begun_ = false;
  std::uint64_t last_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace volta
