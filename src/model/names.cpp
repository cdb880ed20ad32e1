#include "model/names.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.hpp"

namespace volta {
namespace {

// 1: may begin a label name, 2: may stand in one, 4 and 8: the same of a metric name.
constexpr std::array<std::uint8_t, 256> kNameBytes = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = 15;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = 15;
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = 10;
  table['_'] = 15;
  table[':'] = 12;
  return table;
}();

bool name_fits(std::string_view text, unsigned first, unsigned later) {
  const auto fits = [](char c, unsigned bit) {
    return (kNameBytes[static_cast<unsigned char>(c)] & bit) != 0;
  };
  return !text.empty() && fits(text.front(), first) &&
         std::all_of(text.begin() + 1, text.end(), [&](char c) { return fits(c, later); });
}

}  // namespace

bool is_metric_name(std::string_view text) { return name_fits(text, 4, 8); }
bool is_label_name(std::string_view text) { return name_fits(text, 1, 2); }

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      text.remove_prefix(1);
      continue;
    }
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace volta
