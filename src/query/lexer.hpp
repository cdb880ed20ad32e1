// PromQL's text cut into tokens, one at a time, on demand: a wrong character far behind is not
// complained of before the grammar has come that far.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "query/quote.hpp"

namespace volta::promql {

enum class TokenKind : std::uint8_t {
  end,
  error,
  identifier,         // a name without a colon, which is no keyword
  metric_identifier,  // a name with a colon
  number,
  duration,
  string,  // with its quotes
  left_paren,
  right_paren,
  left_brace,
  right_brace,
  left_bracket,
  right_bracket,
  comma,
  colon,
  assign,
  aggregator,
  at_start,  // the word `start`
  at_end,    // the word `end`
  // words that error texts show as <word>
  word_bool,
  word_by,
  word_group_left,
  word_group_right,
  word_ignoring,
  word_offset,
  word_on,
  word_without,
  // what error texts show as <op:...>
  add,
  subtract,
  multiply,
  divide,
  modulo,
  power,
  atan2,
  equal,  // ==
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  set_and,
  set_or,
  set_unless,
  regex,
  not_regex,
  at
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::uint32_t begin = 0;  // bytes of the text
  std::uint32_t end = 0;
  std::string problem;  // of TokenKind::error
};

// `text`, at most 4 GiB, must outlive it. After the end or an error it hands out nothing else.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token next();

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const;
  [[nodiscard]] Rune rune_here() const;
  bool accept(std::string_view any_of);
  Token token(TokenKind kind, std::size_t bytes);
  Token problem(std::string text);

  bool skip_space_and_comment();
  Token in_statement();
  Token in_braces();
  Token at_range_begin();
  Token at_end_of_text();
  Token comparison_or_assignment();
  Token parenthesis_or_bracket();
  Token word();
  Token word_in_range();
  Token label_name();
  Token string();
  Token raw_string();
  std::string escape_problem(char mark);
  std::string coded_escape_problem(int digits, std::uint32_t base, std::uint32_t most);
  Token number_or_duration();
  bool scan_number();
  bool scan_digits(std::string_view digits);
  bool scan_duration_rest();

  std::string_view text_;
  std::size_t start_ = 0;  // of the token
  std::size_t at_ = 0;
  int parens_ = 0;
  bool in_braces_ = false;
  bool in_range_ = false;         // between [ and ]
  bool range_has_value_ = false;  // ... something has been read
  bool range_has_colon_ = false;
  bool over_ = false;
};

// As an error text names it: `identifier "foo"`, `<op:+>`, `end of input`.
std::string describe(const Token& token, std::string_view text);

}  // namespace volta::promql
