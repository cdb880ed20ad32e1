#include "query/selector_parser.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include "base/text.hpp"
#include "model/time_series.hpp"
#include "query/duration.hpp"

namespace volta::promql {
namespace {

std::optional<MatchOp> match_op(TokenKind kind) {
  switch (kind) {
    case TokenKind::assign:
      return MatchOp::equal;
    case TokenKind::not_equal:
      return MatchOp::not_equal;
    case TokenKind::regex:
      return MatchOp::regex;
    case TokenKind::not_regex:
      return MatchOp::not_regex;
    default:
      return std::nullopt;
  }
}

// Keywords that may be the name of a label where only labels can stand.
bool is_label_word(TokenKind kind) {
  const bool keyword = kind >= TokenKind::word_bool && kind <= TokenKind::word_without;
  return keyword || is_metric_name(kind) || kind == TokenKind::atan2;
}

// The usual order, by name and then as printed: which matcher was written first means nothing.
void sort_matchers(Matchers& matchers) {
  std::vector<std::pair<std::string, LabelMatcher>> by_text;
  by_text.reserve(matchers.size());
  for (LabelMatcher& matcher : matchers) {
    std::string text = matcher.text();
    by_text.emplace_back(std::move(text), std::move(matcher));
  }
  std::stable_sort(by_text.begin(), by_text.end(), [](const auto& a, const auto& b) {
    return std::pair(std::string_view(a.second.name()), std::string_view(a.first)) <
           std::pair(std::string_view(b.second.name()), std::string_view(b.first));
  });
  matchers.clear();
  for (auto& [text, matcher] : by_text) matchers.push_back(std::move(matcher));
}

// One label of a list; false after an error.
bool grouping_label(TokenStream& tokens, std::vector<std::string>& out) {
  const TokenKind kind = tokens.kind();
  if (kind == TokenKind::string) {
    out.push_back(unquote(tokens.written(tokens.take())));
    return true;
  }
  if (!is_label_word(kind) || kind == TokenKind::metric_identifier) {
    tokens.unexpected("grouping opts", "label");
    return false;
  }
  out.emplace_back(tokens.written(tokens.take()));
  return true;
}

// Base 0 of Go: 0x is hexadecimal, another leading 0 octal if its digits allow it.
std::optional<double> integer_value(std::string_view digits) {
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits.front() == '0') {
    base = 8;
    digits.remove_prefix(1);
  }
  const auto value = parse_integer<std::int64_t>(digits, base);
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

enum class NumberProblem : std::uint8_t { none, syntax, range };

NumberProblem read_number(std::string_view written, double& value) {
  std::string digits(written);
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  if (const auto integer = integer_value(digits)) {
    value = *integer;
    return NumberProblem::none;
  }
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    // from_chars does not say whether it is too small, which is nothing, or too large.
    value = std::strtod(digits.c_str(), nullptr);
    return std::isinf(value) ? NumberProblem::range : NumberProblem::none;
  }
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  return whole ? NumberProblem::none : NumberProblem::syntax;
}

}  // namespace

bool is_metric_name(TokenKind kind) {
  switch (kind) {
    case TokenKind::identifier:
    case TokenKind::metric_identifier:
    case TokenKind::aggregator:
    case TokenKind::at_start:
    case TokenKind::at_end:
    case TokenKind::word_by:
    case TokenKind::word_without:
    case TokenKind::word_offset:
    case TokenKind::set_and:
    case TokenKind::set_or:
    case TokenKind::set_unless:
      return true;
    default:
      return false;
  }
}

VectorSelector SelectorParser::with_name(const Token& name) {
  VectorSelector selector;
  selector.name = tokens_.written(name);
  if (tokens_.kind() == TokenKind::left_brace) matchers(selector.matchers);
  selector.matchers.push_back(LabelMatcher::equal(std::string(kNameLabel), selector.name));
  return selector;
}

VectorSelector SelectorParser::without_name() {
  VectorSelector selector;
  matchers(selector.matchers);
  return selector;
}

void SelectorParser::matchers(Matchers& out) {
  tokens_.take();  // {
  while (!tokens_.accept(TokenKind::right_brace)) {
    matcher(out);
    if (tokens_.failed()) return;
    if (tokens_.accept(TokenKind::comma) || tokens_.kind() == TokenKind::right_brace) continue;
    return tokens_.unexpected("label matching", R"("," or "}")");
  }
  sort_matchers(out);
}

void SelectorParser::matcher(Matchers& out) {
  const TokenKind kind = tokens_.kind();
  if (kind != TokenKind::identifier && kind != TokenKind::string)
    return tokens_.unexpected("label matching", R"(identifier or "}")");
  const Token label = tokens_.take();
  const auto op = match_op(tokens_.kind());
  if (!op && kind == TokenKind::identifier)
    return tokens_.unexpected("label matching", "label matching operator");
  if (!op) {  // the metric's name, quoted
    out.push_back(LabelMatcher::equal(std::string(kNameLabel), unquote(tokens_.written(label))));
    return;
  }
  tokens_.take();
  if (tokens_.kind() != TokenKind::string) return tokens_.unexpected("label matching", "string");
  add(label, *op, unquote(tokens_.written(tokens_.take())), out);
}

void SelectorParser::add(const Token& label, MatchOp op, std::string value, Matchers& out) {
  const std::string_view written = tokens_.written(label);
  std::string name = label.kind == TokenKind::string ? unquote(written) : std::string(written);
  const bool is_regex = op == MatchOp::regex || op == MatchOp::not_regex;
  if (is_regex) {
    if (const auto taken = regexes_.take(value); !taken) {
      return tokens_.fail(label.begin, taken.error().text);
    }
  }
  auto made = LabelMatcher::make(std::move(name), op, std::move(value));
  if (!made) return tokens_.fail(label.begin, made.error().text);
  out.push_back(std::move(*made));
}

std::vector<std::string> parse_grouping_labels(TokenStream& tokens) {
  std::vector<std::string> labels;
  if (!tokens.accept(TokenKind::left_paren)) {
    tokens.unexpected("grouping opts", R"("(")");
    return labels;
  }
  while (!tokens.accept(TokenKind::right_paren)) {
    if (!grouping_label(tokens, labels)) break;
    if (tokens.accept(TokenKind::comma) || tokens.kind() == TokenKind::right_paren) continue;
    tokens.unexpected("grouping opts", "\",\" or \")\"");
    break;
  }
  return labels;
}

double number_value(TokenStream& tokens, const Token& token) {
  const std::string_view written = tokens.written(token);
  if (token.kind == TokenKind::duration) {
    const auto ms = parse_duration_ms(written);
    if (!ms) tokens.fail(token.begin, ms.error().text);
    return ms ? static_cast<double>(*ms) / 1000 : 0;
  }
  double value = 0;
  const NumberProblem problem = read_number(written, value);
  if (problem != NumberProblem::none) {
    tokens.fail(token.begin,
                "error parsing number: strconv.ParseFloat: parsing " + quote(written) + ": " +
                    (problem == NumberProblem::range ? "value out of range" : "invalid syntax"));
  }
  return value;
}

std::int64_t parse_duration_token(TokenStream& tokens, const DurationPlace& place) {
  const TokenKind kind = tokens.kind();
  if (kind != TokenKind::number && kind != TokenKind::duration) {
    tokens.unexpected(place.where, place.expected);
    return 0;
  }
  const Token token = tokens.take();
  const double ms = std::round(number_value(tokens, token) * 1000);
  if (!(ms <= static_cast<double>(kMostDurationMs))) {  // NaN too
    tokens.fail(token.begin, "duration out of range");
    return 0;
  }
  return static_cast<std::int64_t>(ms);
}

std::int64_t parse_range_token(TokenStream& tokens, const DurationPlace& place) {
  const std::uint32_t begin = tokens.peek().begin;
  const std::int64_t ms = parse_duration_token(tokens, place);
  if (ms <= 0) tokens.fail(begin, "duration must be greater than 0");
  return ms;
}

}  // namespace volta::promql
