#include "query/quote.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.hpp"

namespace volta::promql {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr char32_t kReplacement = 0xFFFD;

struct EscapeLetter {
  char letter = 0;
  char value = 0;
};
constexpr std::array kEscapeLetters{EscapeLetter{'a', '\a'}, EscapeLetter{'b', '\b'},
                                    EscapeLetter{'f', '\f'}, EscapeLetter{'n', '\n'},
                                    EscapeLetter{'r', '\r'}, EscapeLetter{'t', '\t'},
                                    EscapeLetter{'v', '\v'}, EscapeLetter{'\\', '\\'}};

// Spaces other than ' ', formatting marks and private or unassigned code points that would hide in
// an error text. A few that Go escapes as well are left as they are: it only changes how they look.
bool is_hidden(char32_t rune) {
  struct Span {
    char32_t first = 0;
    char32_t last = 0;
  };
  constexpr std::array kHidden{Span{0x7F, 0xA0},       Span{0xAD, 0xAD},     Span{0x1680, 0x1680},
                               Span{0x180E, 0x180E},   Span{0x2000, 0x200F}, Span{0x2028, 0x202F},
                               Span{0x205F, 0x206F},   Span{0x3000, 0x3000}, Span{0xD800, 0xF8FF},
                               Span{0xFEFF, 0xFEFF},   Span{0xFFF0, 0xFFFB}, Span{0xFFFE, 0xFFFF},
                               Span{0xE0000, 0x10FFFF}};
  return rune < 0x20 || std::any_of(kHidden.begin(), kHidden.end(), [&](const Span& span) {
           return rune >= span.first && rune <= span.last;
         });
}

void append_hex(std::string& out, std::uint32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    out += kHexDigits[(value >> static_cast<unsigned>(shift)) & 0xFU];
}

void append_escaped(std::string& out, char32_t rune, char quote_mark) {
  for (const auto& [letter, value] : kEscapeLetters) {
    if (rune != static_cast<unsigned char>(value)) continue;
    out += '\\';
    out += letter;
    return;
  }
  if (rune == static_cast<unsigned char>(quote_mark)) {
    out += '\\';
    out += quote_mark;
  } else if (!is_hidden(rune)) {
    append_utf8(out, rune);
  } else if (rune < 0x80) {
    out += "\\x";
    append_hex(out, static_cast<std::uint32_t>(rune), 2);
  } else if (rune < 0x10000) {
    out += "\\u";
    append_hex(out, static_cast<std::uint32_t>(rune), 4);
  } else {
    out += "\\U";
    append_hex(out, static_cast<std::uint32_t>(rune), 8);
  }
}

// The escape sequence after its backslash; it is known to be well formed.
void append_unescaped(std::string& out, std::string_view& rest) {
  const char letter = rest.front();
  for (const EscapeLetter& escape : kEscapeLetters) {
    if (escape.letter != letter) continue;
    out += escape.value;
    rest.remove_prefix(1);
    return;
  }
  std::size_t digits = 0;
  int base = 16;
  if (letter == 'x') digits = 2;
  if (letter == 'u') digits = 4;
  if (letter == 'U') digits = 8;
  if (letter >= '0' && letter <= '7') {
    digits = 3;
    base = 8;
  }
  if (digits == 0) {  // a quote
    out += letter;
    rest.remove_prefix(1);
    return;
  }
  if (base == 16) rest.remove_prefix(1);
  const auto value = parse_integer<std::uint32_t>(rest.substr(0, digits), base).value_or(0);
  rest.remove_prefix(std::min(digits, rest.size()));
  if (letter == 'u' || letter == 'U') {
    append_utf8(out, static_cast<char32_t>(value));
  } else {
    out += static_cast<char>(value & 0xFFU);
  }
}

}  // namespace

Rune first_rune(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::size_t length = utf8_length(text);
  switch (length) {
    case 1:
      return {.value = byte(0), .bytes = 1};
    case 2:
      return {.value = ((byte(0) & 0x1FU) << 6U) | (byte(1) & 0x3FU), .bytes = 2};
    case 3:
      return {.value = ((byte(0) & 0xFU) << 12U) | ((byte(1) & 0x3FU) << 6U) | (byte(2) & 0x3FU),
              .bytes = 3};
    case 4:
      return {.value = ((byte(0) & 0x7U) << 18U) | ((byte(1) & 0x3FU) << 12U) |
                       ((byte(2) & 0x3FU) << 6U) | (byte(3) & 0x3FU),
              .bytes = 4};
    default:
      return {.value = kReplacement, .bytes = 1, .valid = false};
  }
}

void append_utf8(std::string& out, char32_t rune) {
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80U | ((rune >> shift) & 0x3FU));
  };
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xC0U | (rune >> 6U));
    tail(0);
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xE0U | (rune >> 12U));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0U | (rune >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const Rune rune = first_rune(text);
    if (rune.valid) {
      append_escaped(out, rune.value, '"');
    } else {
      out += "\\x";
      append_hex(out, static_cast<unsigned char>(text.front()), 2);
    }
    text.remove_prefix(rune.bytes);
  }
  return out + '"';
}

std::string quote_rune(char32_t rune) {
  std::string out = "'";
  append_escaped(out, rune, '\'');
  return out + '\'';
}

std::string unquote(std::string_view literal) {
  const char mark = literal.front();
  std::string_view rest = literal.substr(1, literal.size() - 2);
  if (mark == '`') return std::string(rest);
  std::string out;
  out.reserve(rest.size());
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == '\\' && !rest.empty()) {
      append_unescaped(out, rest);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace volta::promql
