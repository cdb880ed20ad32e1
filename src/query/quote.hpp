// Go's way of quoting text, which PromQL's string literals and Prometheus' error texts follow.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace volta::promql {

// One code point from the front of `text`, which must not be empty. What is not UTF-8 counts as
// U+FFFD, one byte long.
struct Rune {
  char32_t value = 0;
  std::size_t bytes = 0;
  bool valid = true;
};
Rune first_rune(std::string_view text);
void append_utf8(std::string& out, char32_t rune);

// In double quotes, so that any bytes come back from a literal as they were: control characters,
// bytes that are not UTF-8 and what cannot be seen are escaped.
std::string quote(std::string_view text);
// In single quotes.
std::string quote_rune(char32_t rune);

// The value of a string literal with its quotes (", ' or `) as the lexer has accepted it.
std::string unquote(std::string_view literal);

}  // namespace volta::promql
