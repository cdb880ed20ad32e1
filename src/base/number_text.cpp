#include "base/number_text.hpp"

#include <array>
#include <charconv>
#include <string_view>

namespace volta {

void append_plain_number(std::string& out, double value) {
  std::array<char, 40> buffer{};
  const char* const end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                        std::chars_format::scientific)
                              .ptr;
  std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const auto mark = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + mark + 2, end, exponent);
  if (text[mark + 1] == '-') exponent = -exponent;
  text = text.substr(0, mark);
  if (text.front() == '-') out += '-';
  std::string digits;
  for (const char c : text) {
    if (c >= '0' && c <= '9') digits += c;
  }
  if (exponent < 0) {
    out.append("0.").append(static_cast<std::size_t>(-exponent - 1), '0') += digits;
    return;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < whole) digits.append(whole - digits.size(), '0');
  out.append(digits, 0, whole);
  if (digits.size() > whole) out.append(".").append(digits, whole);
}

}  // namespace volta
