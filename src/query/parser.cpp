#include "query/parser.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "query/quote.hpp"
#include "query/selector_parser.hpp"
#include "query/type_check.hpp"

namespace volta::promql {
namespace {

// How strongly operators bind; a unary sign binds like a product, to everything stronger.
constexpr int kLoosest = 1;
constexpr int kPowerBinding = 6;

struct Infix {
  TokenKind token = TokenKind::end;
  BinaryOp op = BinaryOp::add;
  int binding = 0;
};
constexpr std::array kInfixes{
    Infix{TokenKind::set_or, BinaryOp::set_or, kLoosest},
    Infix{TokenKind::set_and, BinaryOp::set_and, 2},
    Infix{TokenKind::set_unless, BinaryOp::set_unless, 2},
    Infix{TokenKind::equal, BinaryOp::equal, 3},
    Infix{TokenKind::not_equal, BinaryOp::not_equal, 3},
    Infix{TokenKind::less, BinaryOp::less, 3},
    Infix{TokenKind::less_equal, BinaryOp::less_equal, 3},
    Infix{TokenKind::greater, BinaryOp::greater, 3},
    Infix{TokenKind::greater_equal, BinaryOp::greater_equal, 3},
    Infix{TokenKind::add, BinaryOp::add, 4},
    Infix{TokenKind::subtract, BinaryOp::subtract, 4},
    Infix{TokenKind::multiply, BinaryOp::multiply, 5},
    Infix{TokenKind::divide, BinaryOp::divide, 5},
    Infix{TokenKind::modulo, BinaryOp::modulo, 5},
    Infix{TokenKind::atan2, BinaryOp::atan2, 5},
    Infix{TokenKind::power, BinaryOp::power, kPowerBinding},
};

// What the lexer says of the operand's first token, for what may follow a comma.
bool begins_operand(TokenKind kind) {
  switch (kind) {
    case TokenKind::number:
    case TokenKind::duration:
    case TokenKind::string:
    case TokenKind::left_paren:
    case TokenKind::left_brace:
    case TokenKind::add:
    case TokenKind::subtract:
      return true;
    default:
      return is_metric_name(kind);
  }
}

AggregateOp aggregate_op(std::string_view written) {
  std::string lower(written);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  for (const AggregateOp op : kAggregateOps)
    if (to_text(op) == lower) return op;
  VOLTA_ASSERT(false, lower);
  return {};
}

// %f of Go.
std::string fixed_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 400> buffer{};  // the largest double has 309 digits before the point
  const int length = std::snprintf(buffer.data(), buffer.size(), "%f", value);
  return {buffer.data(), static_cast<std::size_t>(std::max(length, 0))};
}

// Each function returns null once the stream has failed.
class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(text), selectors_(tokens_) {}

  ExprPtr whole_text() {
    if (tokens_.kind() == TokenKind::end) {
      tokens_.fail(0, "no expression found in input");
      return nullptr;
    }
    ExprPtr expression = infix(kLoosest);
    if (expression && tokens_.kind() != TokenKind::end) unexpected();
    if (tokens_.failed()) expression.reset();
    return expression;
  }

  VectorSelector selector_only() {
    VectorSelector selector;
    const TokenKind kind = tokens_.kind();
    if (kind == TokenKind::left_brace) {
      selector = selectors_.without_name();
    } else if (is_metric_name(kind)) {
      selector = selectors_.with_name(tokens_.take());
    } else {
      unexpected();
    }
    if (!tokens_.failed() && tokens_.kind() != TokenKind::end) unexpected();
    return selector;
  }

  [[nodiscard]] const std::optional<ParseError>& error() const { return tokens_.error(); }

 private:
  void unexpected() { tokens_.unexpected(open_aggregates_ > 0 ? "aggregation" : "", ""); }

  // A node from `begin` to the last token that was taken, above children of so many levels.
  template <typename Node>
  ExprPtr make(std::uint32_t begin, Node node, std::uint32_t child_levels = 0) {
    auto expression = std::make_unique<Expr>();
    expression->begin = begin;
    expression->end = tokens_.last_end();
    expression->levels = child_levels + 1;
    expression->node = std::move(node);
    if (expression->levels > kMostTreeLevels) too_deep(begin);
    if (tokens_.failed()) expression.reset();
    return expression;
  }

  void too_deep(std::uint32_t begin) {
    tokens_.fail(begin, "expression is nested more than " + std::to_string(kMostTreeLevels) +
                            " levels deep");
  }

  // Operators that bind at least as strongly as `least`, and what they join.
  ExprPtr infix(int least) {
    if (depth_ == kMostTreeLevels) {
      too_deep(tokens_.peek().begin);
      return nullptr;
    }
    ++depth_;
    ExprPtr left = operand();
    while (left) {
      const TokenKind kind = tokens_.kind();
      const auto* const found = std::find_if(kInfixes.begin(), kInfixes.end(),
                                             [&](const Infix& row) { return row.token == kind; });
      if (found == kInfixes.end() || found->binding < least) break;
      left = binary(std::move(left), *found);
    }
    --depth_;
    if (tokens_.failed()) left.reset();
    return left;
  }

  ExprPtr binary(ExprPtr left, const Infix& infix_row) {
    tokens_.take();
    Binary node;
    node.op = infix_row.op;
    node.return_bool = tokens_.accept(TokenKind::word_bool);
    matching(node.matching);
    if (tokens_.failed()) return nullptr;
    const bool right_first = infix_row.op == BinaryOp::power;
    node.right = infix(right_first ? infix_row.binding : infix_row.binding + 1);
    if (!node.right) return nullptr;
    const std::uint32_t begin = left->begin;
    const std::uint32_t levels = std::max(left->levels, node.right->levels);
    node.left = std::move(left);
    return make(begin, std::move(node), levels);
  }

  void matching(VectorMatching& out) {
    const TokenKind kind = tokens_.kind();
    if (kind != TokenKind::word_on && kind != TokenKind::word_ignoring) return;
    tokens_.take();
    out.on = kind == TokenKind::word_on;
    out.labels = parse_grouping_labels(tokens_);
    if (tokens_.failed()) return;
    using Cardinality = VectorMatching::Cardinality;
    if (tokens_.accept(TokenKind::word_group_left)) {
      out.cardinality = Cardinality::many_to_one;
    } else if (tokens_.accept(TokenKind::word_group_right)) {
      out.cardinality = Cardinality::one_to_many;
    } else {
      return;
    }
    if (tokens_.kind() == TokenKind::left_paren) out.include = parse_grouping_labels(tokens_);
  }

  ExprPtr operand() {
    const TokenKind kind = tokens_.kind();
    if (kind != TokenKind::add && kind != TokenKind::subtract) return postfix(primary());
    const std::uint32_t begin = tokens_.take().begin;
    const bool minus = kind == TokenKind::subtract;
    ExprPtr inner = infix(kPowerBinding);
    if (!inner) return nullptr;
    if (auto* const number = std::get_if<NumberLiteral>(&inner->node)) {
      if (minus) number->value = -number->value;
      inner->begin = begin;
      return inner;
    }
    const std::uint32_t levels = inner->levels;
    return make(begin, Unary{.minus = minus, .inner = std::move(inner)}, levels);
  }

  ExprPtr primary() {
    const TokenKind kind = tokens_.kind();
    switch (kind) {
      case TokenKind::number:
      case TokenKind::duration: {
        const Token token = tokens_.take();
        return make(token.begin, NumberLiteral{.value = number_value(tokens_, token)});
      }
      case TokenKind::string: {
        const Token token = tokens_.take();
        return make(token.begin, StringLiteral{.value = unquote(tokens_.written(token))});
      }
      case TokenKind::left_paren:
        return parenthesis();
      case TokenKind::left_brace: {
        const std::uint32_t begin = tokens_.peek().begin;
        VectorSelector selector = selectors_.without_name();
        return make(begin, std::move(selector));
      }
      default:
        break;
    }
    if (is_metric_name(kind)) return named();
    unexpected();
    return nullptr;
  }

  ExprPtr parenthesis() {
    const std::uint32_t begin = tokens_.take().begin;
    ExprPtr inner = infix(kLoosest);
    if (!inner) return nullptr;
    if (!tokens_.accept(TokenKind::right_paren)) {
      unexpected();
      return nullptr;
    }
    const std::uint32_t levels = inner->levels;
    return make(begin, Parenthesis{.inner = std::move(inner)}, levels);
  }

  // A selector, a call or an aggregation.
  ExprPtr named() {
    const Token name = tokens_.take();
    const TokenKind next = tokens_.kind();
    if (name.kind == TokenKind::identifier && next == TokenKind::left_paren) return call(name);
    const bool aggregates = next == TokenKind::left_paren || next == TokenKind::word_by ||
                            next == TokenKind::word_without;
    if (name.kind == TokenKind::aggregator && aggregates) return aggregation(name);
    VectorSelector selector = selectors_.with_name(name);
    return make(name.begin, std::move(selector));
  }

  ExprPtr call(const Token& name) {
    Call node;
    node.arguments = arguments();
    if (tokens_.failed()) return nullptr;
    const std::string_view written = tokens_.written(name);
    node.function = find_function(written);
    if (node.function == nullptr) {
      tokens_.fail(name.begin, "unknown function with name " + quote(written));
      return nullptr;
    }
    const std::uint32_t levels = most_levels(node.arguments);
    return make(name.begin, std::move(node), levels);
  }

  static std::uint32_t most_levels(const std::vector<ExprPtr>& expressions) {
    std::uint32_t levels = 0;
    for (const ExprPtr& expression : expressions) levels = std::max(levels, expression->levels);
    return levels;
  }

  std::vector<ExprPtr> arguments() {
    std::vector<ExprPtr> out;
    if (!tokens_.accept(TokenKind::left_paren)) {
      unexpected();
      return out;
    }
    if (tokens_.accept(TokenKind::right_paren)) return out;
    for (;;) {
      ExprPtr argument = infix(kLoosest);
      if (!argument) return out;
      out.push_back(std::move(argument));
      if (tokens_.kind() != TokenKind::comma) break;
      const std::uint32_t comma = tokens_.take().begin;
      if (!begins_operand(tokens_.kind()))
        tokens_.fail(comma, "trailing commas not allowed in function call args");
    }
    if (!tokens_.accept(TokenKind::right_paren)) unexpected();
    return out;
  }

  ExprPtr aggregation(const Token& name) {
    ++open_aggregates_;
    Aggregate node;
    const bool grouped = grouping(node);
    std::vector<ExprPtr> given;
    if (!tokens_.failed()) given = arguments();
    if (!tokens_.failed() && !grouped) grouping(node);
    --open_aggregates_;
    if (tokens_.failed()) return nullptr;
    return finish_aggregation(name, std::move(node), std::move(given));
  }

  bool grouping(Aggregate& node) {
    const TokenKind kind = tokens_.kind();
    if (kind != TokenKind::word_by && kind != TokenKind::word_without) return false;
    tokens_.take();
    node.without = kind == TokenKind::word_without;
    node.labels = parse_grouping_labels(tokens_);
    return true;
  }

  ExprPtr finish_aggregation(const Token& name, Aggregate node, std::vector<ExprPtr> given) {
    node.op = aggregate_op(tokens_.written(name));
    if (given.empty()) {
      tokens_.fail(name.begin, "no arguments for aggregate expression provided");
      return nullptr;
    }
    const std::size_t wanted = has_parameter(node.op) ? 2 : 1;
    if (given.size() != wanted) {
      tokens_.fail(name.begin,
                   "wrong number of arguments for aggregate expression provided, expected " +
                       std::to_string(wanted) + ", got " + std::to_string(given.size()));
      return nullptr;
    }
    const std::uint32_t levels = most_levels(given);
    if (wanted == 2) node.parameter = std::move(given.front());
    node.inner = std::move(given.back());
    return make(name.begin, std::move(node), levels);
  }

  // Ranges, offsets and times behind a selector.
  ExprPtr postfix(ExprPtr inner) {
    while (inner) {
      switch (tokens_.kind()) {
        case TokenKind::left_bracket:
          inner = range(std::move(inner));
          break;
        case TokenKind::word_offset:
          offset(*inner);
          break;
        case TokenKind::at:
          at_time(*inner);
          break;
        default:
          if (tokens_.failed()) inner.reset();
          return inner;
      }
      if (tokens_.failed()) inner.reset();
    }
    return inner;
  }

  ExprPtr range(ExprPtr inner) {
    const std::uint32_t bracket = tokens_.take().begin;
    const std::int64_t range_ms = parse_range_token(
        tokens_, {.where = "subquery selector", .expected = "number or duration"});
    if (tokens_.failed()) return nullptr;
    if (tokens_.accept(TokenKind::colon)) return subquery(std::move(inner), range_ms);
    if (!tokens_.accept(TokenKind::right_bracket)) {
      tokens_.unexpected("subquery or range", R"(":" or "]")");
      return nullptr;
    }
    auto* const selector = std::get_if<VectorSelector>(&inner->node);
    if (selector == nullptr) {
      tokens_.fail(bracket, "ranges only allowed for vector selectors");
    } else if (selector->time.offset_ms != 0) {
      tokens_.fail(bracket, "no offset modifiers allowed before range");
    } else if (selector->time.at != TimeModifier::At::none) {
      tokens_.fail(bracket, "no @ modifiers allowed before range");
    }
    if (tokens_.failed()) return nullptr;
    return make(inner->begin,
                MatrixSelector{.selector = std::move(*selector), .range_ms = range_ms});
  }

  ExprPtr subquery(ExprPtr inner, std::int64_t range_ms) {
    std::int64_t step_ms = 0;
    if (!tokens_.accept(TokenKind::right_bracket)) {
      step_ms = parse_range_token(
          tokens_, {.where = "subquery selector", .expected = R"(number or duration or "]")"});
      if (!tokens_.failed() && !tokens_.accept(TokenKind::right_bracket))
        tokens_.unexpected("subquery selector", R"("]")");
    }
    if (tokens_.failed()) return nullptr;
    const std::uint32_t begin = inner->begin;
    const std::uint32_t levels = inner->levels;
    Subquery node;
    node.inner = std::move(inner);
    node.range_ms = range_ms;
    node.step_ms = step_ms;
    return make(begin, std::move(node), levels);
  }

  // Where `expression` keeps its offset and its @; null if it cannot have any.
  static TimeModifier* time_of(Expr& expression) {
    if (auto* const vector = std::get_if<VectorSelector>(&expression.node)) return &vector->time;
    if (auto* const matrix = std::get_if<MatrixSelector>(&expression.node))
      return &matrix->selector.time;
    if (auto* const subquery_node = std::get_if<Subquery>(&expression.node))
      return &subquery_node->time;
    return nullptr;
  }

  TimeModifier* modifiable(Expr& expression, std::string_view what) {
    TimeModifier* const time = time_of(expression);
    if (time == nullptr) {
      tokens_.fail(expression.begin, std::string(what) +
                                         " modifier must be preceded by an instant vector selector "
                                         "or range vector selector or a subquery");
    }
    return time;
  }

  // Of `-5m`: takes the sign.
  bool minus_sign() {
    const bool minus = tokens_.accept(TokenKind::subtract);
    if (!minus) tokens_.accept(TokenKind::add);
    return minus;
  }

  void offset(Expr& expression) {
    tokens_.take();
    const bool minus = minus_sign();
    const std::int64_t ms =
        parse_duration_token(tokens_, {.where = "offset", .expected = "number or duration"});
    if (tokens_.failed()) return;
    TimeModifier* const time = modifiable(expression, "offset");
    if (time == nullptr) return;
    if (time->offset_ms != 0)
      return tokens_.fail(expression.begin, "offset may not be set multiple times");
    time->offset_ms = minus ? -ms : ms;
    expression.end = tokens_.last_end();
  }

  void at_time(Expr& expression) {
    tokens_.take();
    TimeModifier parsed;
    const TokenKind kind = tokens_.kind();
    if (kind == TokenKind::at_start || kind == TokenKind::at_end) {
      tokens_.take();
      parsed.at = kind == TokenKind::at_start ? TimeModifier::At::start : TimeModifier::At::end;
      if (!tokens_.accept(TokenKind::left_paren) || !tokens_.accept(TokenKind::right_paren))
        return tokens_.unexpected("@", "timestamp");
    } else {
      parsed.at = TimeModifier::At::time;
      parsed.at_ms = timestamp(expression);
    }
    if (tokens_.failed()) return;
    TimeModifier* const time = modifiable(expression, "@");
    if (time == nullptr) return;
    if (time->at != TimeModifier::At::none)
      return tokens_.fail(expression.begin, "@ <timestamp> may not be set multiple times");
    time->at = parsed.at;
    time->at_ms = parsed.at_ms;
    expression.end = tokens_.last_end();
  }

  std::int64_t timestamp(const Expr& expression) {
    // Some 30,000 years: up to there milliseconds and seconds as doubles tell the same.
    constexpr double kMostAtSeconds = 1e12;
    const bool minus = minus_sign();
    const TokenKind kind = tokens_.kind();
    if (kind != TokenKind::number && kind != TokenKind::duration) {
      tokens_.unexpected("@", "timestamp");
      return 0;
    }
    const double value = number_value(tokens_, tokens_.take());
    const double seconds = minus ? -value : value;
    if (!(std::abs(seconds) <= kMostAtSeconds)) {
      tokens_.fail(expression.begin,
                   "timestamp out of bounds for @ modifier: " + fixed_text(seconds));
      return 0;
    }
    return std::llround(seconds * 1000);
  }

  TokenStream tokens_;
  SelectorParser selectors_;
  std::uint32_t depth_ = 0;
  int open_aggregates_ = 0;  // for "unexpected ... in aggregation"
};

std::optional<Error> length_error(std::string_view text) {
  if (text.size() <= kMostExpressionBytes) return std::nullopt;
  return located(text, {.begin = 0,
                        .text = "expression is longer than " +
                                std::to_string(kMostExpressionBytes) + " bytes"});
}

}  // namespace

Result<ExprPtr> parse(std::string_view text) {
  if (auto error = length_error(text)) return std::move(*error);
  Parser parser(text);
  ExprPtr expression = parser.whole_text();
  if (parser.error()) return located(text, *parser.error());
  if (const auto error = check_types(*expression, text)) return located(text, *error);
  return expression;
}

Result<Matchers> parse_selector(std::string_view text) {
  if (auto error = length_error(text)) return std::move(*error);
  Parser parser(text);
  VectorSelector selector = parser.selector_only();
  if (parser.error()) return located(text, *parser.error());
  std::string problem = name_problem(selector);
  if (!problem.empty()) return located(text, {.begin = 0, .text = std::move(problem)});
  if (!selects_something(selector.matchers))
    return Error{"match[] must contain at least one non-empty matcher"};
  return std::move(selector.matchers);
}

}  // namespace volta::promql
