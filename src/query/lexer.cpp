#include "query/lexer.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace volta::promql {
namespace {

constexpr std::string_view kDecimalDigits = "0123456789";
constexpr std::string_view kAllHexDigits = "0123456789abcdefABCDEF";

struct Keyword {
  std::string_view word;
  TokenKind kind = TokenKind::end;
};
constexpr std::array kKeywords{
    Keyword{"and", TokenKind::set_and},
    Keyword{"or", TokenKind::set_or},
    Keyword{"unless", TokenKind::set_unless},
    Keyword{"atan2", TokenKind::atan2},
    Keyword{"sum", TokenKind::aggregator},
    Keyword{"avg", TokenKind::aggregator},
    Keyword{"count", TokenKind::aggregator},
    Keyword{"min", TokenKind::aggregator},
    Keyword{"max", TokenKind::aggregator},
    Keyword{"group", TokenKind::aggregator},
    Keyword{"stddev", TokenKind::aggregator},
    Keyword{"stdvar", TokenKind::aggregator},
    Keyword{"topk", TokenKind::aggregator},
    Keyword{"bottomk", TokenKind::aggregator},
    Keyword{"count_values", TokenKind::aggregator},
    Keyword{"quantile", TokenKind::aggregator},
    Keyword{"limitk", TokenKind::aggregator},
    Keyword{"limit_ratio", TokenKind::aggregator},
    Keyword{"offset", TokenKind::word_offset},
    Keyword{"by", TokenKind::word_by},
    Keyword{"without", TokenKind::word_without},
    Keyword{"on", TokenKind::word_on},
    Keyword{"ignoring", TokenKind::word_ignoring},
    Keyword{"group_left", TokenKind::word_group_left},
    Keyword{"group_right", TokenKind::word_group_right},
    Keyword{"bool", TokenKind::word_bool},
    Keyword{"start", TokenKind::at_start},
    Keyword{"end", TokenKind::at_end},
    Keyword{"inf", TokenKind::number},
    Keyword{"nan", TokenKind::number},
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_alpha(c) || is_digit(c); }

bool same_but_for_case(std::string_view word, std::string_view lower) {
  return word.size() == lower.size() &&
         std::equal(word.begin(), word.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

// U+0071 'q'
std::string rune_with_code(char32_t rune) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string digits;
  for (auto rest = static_cast<std::uint32_t>(rune); rest > 0 || digits.size() < 4; rest >>= 4U)
    digits.insert(digits.begin(), kDigits[rest & 0xFU]);
  std::string shown = quote_rune(rune);
  if (rune == '\'' || rune == '\\') {  // this form escapes nothing
    shown = "'";
    shown += static_cast<char>(rune);
    shown += '\'';
  }
  return "U+" + digits + ' ' + shown;
}

}  // namespace

char Lexer::peek(std::size_t ahead) const {
  return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
}

Rune Lexer::rune_here() const {
  // Go's lexer calls the end of input code point -1, shown as the replacement character.
  if (at_ >= text_.size()) return {.value = 0xFFFD, .bytes = 0, .valid = false};
  return first_rune(text_.substr(at_));
}

bool Lexer::accept(std::string_view any_of) {
  if (at_ >= text_.size() || any_of.find(text_[at_]) == std::string_view::npos) return false;
  ++at_;
  return true;
}

Token Lexer::token(TokenKind kind, std::size_t bytes) {
  at_ += bytes;
  Token token{.kind = kind,
              .begin = static_cast<std::uint32_t>(start_),
              .end = static_cast<std::uint32_t>(at_),
              .problem = {}};
  start_ = at_;
  return token;
}

Token Lexer::problem(std::string text) {
  over_ = true;
  return {.kind = TokenKind::error,
          .begin = static_cast<std::uint32_t>(start_),
          .end = static_cast<std::uint32_t>(text_.size()),
          .problem = std::move(text)};
}

bool Lexer::skip_space_and_comment() {
  if (is_space(peek())) {
    while (is_space(peek())) ++at_;
  } else if (peek() == '#') {
    while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
  } else {
    return false;
  }
  start_ = at_;
  return true;
}

Token Lexer::next() {
  while (!over_ && skip_space_and_comment()) {
  }
  if (over_) {
    at_ = text_.size();
    start_ = at_;
    return token(TokenKind::end, 0);
  }
  if (at_ >= text_.size()) return at_end_of_text();
  if (in_braces_) return in_braces();
  if (in_range_ && !range_has_value_) return at_range_begin();
  return in_statement();
}

Token Lexer::at_end_of_text() {
  if (in_braces_) return problem("unexpected end of input inside braces");
  if (in_range_ && !range_has_value_)
    return problem("unexpected end of input in duration expression");
  if (parens_ != 0) return problem("unclosed left parenthesis");
  if (in_range_) return problem("unclosed left bracket");
  over_ = true;
  return token(TokenKind::end, 0);
}

Token Lexer::in_statement() {
  const char c = peek();
  switch (c) {
    case ',':
      return token(TokenKind::comma, 1);
    case '*':
      return token(TokenKind::multiply, 1);
    case '/':
      return token(TokenKind::divide, 1);
    case '%':
      return token(TokenKind::modulo, 1);
    case '+':
      return token(TokenKind::add, 1);
    case '-':
      return token(TokenKind::subtract, 1);
    case '^':
      return token(TokenKind::power, 1);
    case '@':
      return token(TokenKind::at, 1);
    case '=':
    case '!':
    case '<':
    case '>':
      return comparison_or_assignment();
    case '(':
    case ')':
    case '{':
    case '[':
    case ']':
      return parenthesis_or_bracket();
    case '"':
    case '\'':
      return string();
    case '`':
      return raw_string();
    default:
      break;
  }
  if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number_or_duration();
  if (is_alpha(c) || c == ':') return in_range_ ? word_in_range() : word();
  return problem("unexpected character: " + quote_rune(rune_here().value));
}

Token Lexer::comparison_or_assignment() {
  const char c = peek();
  const bool with_equal = peek(1) == '=';
  switch (c) {
    case '=':
      if (with_equal) return token(TokenKind::equal, 2);
      if (peek(1) == '~') return problem("unexpected character after '=': '~'");
      return token(TokenKind::assign, 1);
    case '!':
      if (with_equal) return token(TokenKind::not_equal, 2);
      ++at_;
      return problem("unexpected character after '!': " + quote_rune(rune_here().value));
    case '<':
      return with_equal ? token(TokenKind::less_equal, 2) : token(TokenKind::less, 1);
    default:
      return with_equal ? token(TokenKind::greater_equal, 2) : token(TokenKind::greater, 1);
  }
}

Token Lexer::parenthesis_or_bracket() {
  switch (peek()) {
    case '(':
      ++parens_;
      return token(TokenKind::left_paren, 1);
    case ')': {
      Token closing = token(TokenKind::right_paren, 1);
      if (--parens_ < 0) return problem("unexpected right parenthesis ')'");
      return closing;
    }
    case '{':
      in_braces_ = true;
      return token(TokenKind::left_brace, 1);
    case '[':
      if (in_range_) return problem("unexpected left bracket '['");
      in_range_ = true;
      range_has_value_ = false;
      range_has_colon_ = false;
      return token(TokenKind::left_bracket, 1);
    default:
      if (!in_range_) return problem("unexpected right bracket ']'");
      in_range_ = false;
      return token(TokenKind::right_bracket, 1);
  }
}

Token Lexer::at_range_begin() {
  const char c = peek();
  if (c == ']') {
    in_range_ = false;
    return token(TokenKind::right_bracket, 1);
  }
  if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
    range_has_value_ = true;
    return number_or_duration();
  }
  if (c == ':') {
    ++at_;
    start_ = at_;
    return problem("unexpected colon before duration in duration expression");
  }
  if (std::string_view("+-*/%^(),").find(c) != std::string_view::npos) return in_statement();
  return problem("unexpected character in duration expression: " + quote_rune(rune_here().value));
}

Token Lexer::word_in_range() {
  if (peek() != ':') {
    return problem("unexpected character: " + quote_rune(rune_here().value) + ", expected ':'");
  }
  if (range_has_colon_) return problem("unexpected colon ':'");
  range_has_colon_ = true;
  return token(TokenKind::colon, 1);
}

Token Lexer::in_braces() {
  const char c = peek();
  if (is_alpha(c)) return label_name();
  switch (c) {
    case ',':
      return token(TokenKind::comma, 1);
    case '"':
    case '\'':
      return string();
    case '`':
      return raw_string();
    case '=':
      return peek(1) == '~' ? token(TokenKind::regex, 2) : token(TokenKind::assign, 1);
    case '!':
      if (peek(1) == '~') return token(TokenKind::not_regex, 2);
      if (peek(1) == '=') return token(TokenKind::not_equal, 2);
      ++at_;
      return problem("unexpected character after '!' inside braces: " +
                     quote_rune(rune_here().value));
    case '{':
      return problem("unexpected left brace '{'");
    case '}':
      in_braces_ = false;
      return token(TokenKind::right_brace, 1);
    default:
      return problem("unexpected character inside braces: " + quote_rune(rune_here().value));
  }
}

Token Lexer::label_name() {
  while (is_word(peek())) ++at_;
  return token(TokenKind::identifier, 0);
}

Token Lexer::word() {
  while (is_word(peek()) || peek() == ':') ++at_;
  const std::string_view word = text_.substr(start_, at_ - start_);
  for (const Keyword& keyword : kKeywords)
    if (same_but_for_case(word, keyword.word)) return token(keyword.kind, 0);
  const bool colon = word.find(':') != std::string_view::npos;
  return token(colon ? TokenKind::metric_identifier : TokenKind::identifier, 0);
}

Token Lexer::string() {
  const char mark = peek();
  ++at_;
  for (;;) {
    const Rune rune = rune_here();
    if (rune.bytes == 0 || rune.value == '\n') return problem("unterminated quoted string");
    if (!rune.valid) return problem("invalid UTF-8 rune");
    at_ += rune.bytes;
    if (rune.value == static_cast<unsigned char>(mark)) return token(TokenKind::string, 0);
    if (rune.value != '\\') continue;
    std::string wrong = escape_problem(mark);
    if (!wrong.empty()) return problem(std::move(wrong));
  }
}

Token Lexer::raw_string() {
  ++at_;
  for (;;) {
    const Rune rune = rune_here();
    if (rune.bytes == 0) return problem("unterminated raw string");
    if (!rune.valid) return problem("invalid UTF-8 rune");
    at_ += rune.bytes;
    if (rune.value == '`') return token(TokenKind::string, 0);
  }
}

// Reads what follows a backslash; "" if it is right.
std::string Lexer::escape_problem(char mark) {
  constexpr std::string_view kLetters = "abfnrtv\\";
  if (at_ >= text_.size()) return "escape sequence not terminated";
  const char c = peek();
  if (c == mark || kLetters.find(c) != std::string_view::npos) {
    ++at_;
    return {};
  }
  if (c >= '0' && c <= '7') return coded_escape_problem(3, 8, 255);
  if (c != 'x' && c != 'u' && c != 'U')
    return "unknown escape sequence " + rune_with_code(rune_here().value);
  ++at_;
  if (c == 'x') return coded_escape_problem(2, 16, 255);
  return coded_escape_problem(c == 'u' ? 4 : 8, 16, 0x10FFFF);
}

std::string Lexer::coded_escape_problem(int digits, std::uint32_t base, std::uint32_t most) {
  std::uint32_t value = 0;
  for (; digits > 0; --digits, ++at_) {
    if (at_ >= text_.size()) return "escape sequence not terminated";
    const std::size_t found = kAllHexDigits.find(peek());
    const auto digit = static_cast<std::uint32_t>(found > 15 ? found - 6 : found);
    if (found == std::string_view::npos || digit >= base)
      return "illegal character " + rune_with_code(rune_here().value) + " in escape sequence";
    value = value * base + digit;
  }
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (value > most || surrogate) return "escape sequence is an invalid Unicode code point";
  return {};
}

Token Lexer::number_or_duration() {
  if (scan_number()) return token(TokenKind::number, 0);
  if (scan_duration_rest()) return token(TokenKind::duration, 0);
  return problem("bad number or duration syntax: " + quote(text_.substr(start_, at_ - start_)));
}

// At least one digit; single underscores may stand between digits.
bool Lexer::scan_digits(std::string_view digits) {
  if (!accept(digits)) return false;
  for (;;) {
    while (accept(digits)) {
    }
    if (peek() != '_') return true;
    ++at_;
    if (!accept(digits)) return false;
  }
}

// False where the number does not end in front of something else: then it may be a duration.
bool Lexer::scan_number() {
  if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
    at_ += 2;
    accept("_");
    return scan_digits(kAllHexDigits) && !is_word(peek());
  }
  if (peek() != '.' && !scan_digits(kDecimalDigits)) return false;
  if (accept(".") && is_digit(peek()) && !scan_digits(kDecimalDigits)) return false;
  if (accept("eE")) {
    accept("+-");
    if (!scan_digits(kDecimalDigits)) return false;
  }
  return !is_word(peek()) && peek() != '.';
}

// The units are looked at closely when the duration is read.
bool Lexer::scan_duration_rest() {
  if (!accept("smhdwy")) return false;
  accept("s");
  while (accept(kDecimalDigits)) {
    while (accept(kDecimalDigits)) {
    }
    if (!accept("smhdw")) return false;
    accept("s");
  }
  if (!is_word(peek())) return true;
  ++at_;
  return false;
}

std::string describe(const Token& token, std::string_view text) {
  constexpr std::size_t kMostShown = 10;
  const std::string_view written = text.substr(token.begin, token.end - token.begin);
  if (token.kind == TokenKind::end) return "end of input";
  if (token.kind >= TokenKind::add) return "<op:" + std::string(written) + '>';
  if (token.kind >= TokenKind::word_bool) return '<' + std::string(written) + '>';
  if (token.kind == TokenKind::aggregator) return "<aggr:" + std::string(written) + '>';
  if (token.kind == TokenKind::identifier) return "identifier " + quote(written);
  if (token.kind == TokenKind::metric_identifier) return "metric identifier " + quote(written);
  std::string out;
  if (token.kind == TokenKind::number) out = "number ";
  if (token.kind == TokenKind::duration) out = "duration ";
  if (token.kind == TokenKind::string) out = "string ";
  if (written.size() <= kMostShown) return out + quote(written);
  std::size_t shown = 0;
  for (std::size_t runes = 0; runes < kMostShown && shown < written.size(); ++runes)
    shown += first_rune(written.substr(shown)).bytes;
  return out + quote(written.substr(0, shown)) + "...";
}

}  // namespace volta::promql
