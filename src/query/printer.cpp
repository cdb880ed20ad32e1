#include "query/printer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "query/duration.hpp"
#include "query/quote.hpp"

namespace volta::promql {
namespace {

// Written without quotes it stays the same label, wherever a label can stand.
bool is_plain_label(std::string_view name) {
  const auto in = [](char c, char first, char last) { return c >= first && c <= last; };
  const auto is_letter = [&](char c) { return c == '_' || in(c, 'a', 'z') || in(c, 'A', 'Z'); };
  if (name.empty() || !is_letter(name.front())) return false;
  if (!std::all_of(name.begin(), name.end(),
                   [&](char c) { return is_letter(c) || in(c, '0', '9'); }))
    return false;
  std::string lower(name);
  for (char& c : lower)
    if (in(c, 'A', 'Z')) c = static_cast<char>(c - 'A' + 'a');
  return lower != "inf" && lower != "nan";  // numbers to the lexer
}

std::string label_in_list(const std::string& name) {
  return is_plain_label(name) ? name : quote(name);
}

std::string label_list(const std::vector<std::string>& labels) {
  std::string out = "(";
  for (const std::string& label : labels) {
    if (out.size() > 1) out += ", ";
    out += label_in_list(label);
  }
  return out + ')';
}

std::string number_text(double value) {
  // Digits as far as they say something, else an exponent.
  constexpr double kMostFixed = 1e21;
  constexpr double kLeastFixed = 1e-6;
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  const double size = std::abs(value);
  const bool fixed = size == 0 || (size >= kLeastFixed && size < kMostFixed);
  std::array<char, 64> buffer{};
  const auto result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                    fixed ? std::chars_format::fixed : std::chars_format::scientific);
  return {buffer.data(), result.ptr};
}

std::string_view match_symbol(MatchOp op) {
  switch (op) {
    case MatchOp::equal:
      return "=";
    case MatchOp::not_equal:
      return "!=";
    case MatchOp::regex:
      return "=~";
    case MatchOp::not_regex:
      break;
  }
  return "!~";
}

std::string selector_text(const VectorSelector& selector) {
  std::string out = selector.name;
  // The last matcher repeats the name.
  const std::size_t shown = selector.matchers.size() - (selector.name.empty() ? 0 : 1);
  if (shown == 0) return out;
  out += '{';
  for (std::size_t i = 0; i < shown; ++i) {
    const LabelMatcher& matcher = selector.matchers[i];
    if (i > 0) out += ',';
    out += label_in_list(matcher.name());
    out += match_symbol(matcher.op());
    out += quote(matcher.value());
  }
  return out + '}';
}

std::string time_text(const TimeModifier& time) {
  std::string out;
  switch (time.at) {
    case TimeModifier::At::none:
      break;
    case TimeModifier::At::time: {
      const std::string thousandths = std::to_string(std::abs(time.at_ms) % 1000);
      out = time.at_ms < 0 ? " @ -" : " @ ";
      out += std::to_string(std::abs(time.at_ms) / 1000) + '.';
      out += std::string(3 - thousandths.size(), '0') + thousandths;
      break;
    }
    case TimeModifier::At::start:
      out = " @ start()";
      break;
    case TimeModifier::At::end:
      out = " @ end()";
      break;
  }
  if (time.offset_ms != 0) {
    out += time.offset_ms < 0 ? " offset -" : " offset ";
    out += duration_text(std::abs(time.offset_ms));
  }
  return out;
}

std::string subquery_suffix(const Subquery& subquery) {
  const std::string step = subquery.step_ms == 0 ? "" : duration_text(subquery.step_ms);
  return '[' + duration_text(subquery.range_ms) + ':' + step + ']' + time_text(subquery.time);
}

std::string aggregate_head(const Aggregate& aggregate) {
  std::string out(to_text(aggregate.op));
  if (aggregate.without) return out + " without " + label_list(aggregate.labels) + ' ';
  if (!aggregate.labels.empty()) return out + " by " + label_list(aggregate.labels) + ' ';
  return out;
}

std::string operator_text(const Binary& binary) {
  using Cardinality = VectorMatching::Cardinality;
  std::string out(to_text(binary.op));
  if (binary.return_bool) out += " bool";
  const VectorMatching& matching = binary.matching;
  const bool grouped = matching.cardinality == Cardinality::many_to_one ||
                       matching.cardinality == Cardinality::one_to_many;
  if (matching.on || !matching.labels.empty() || grouped)
    out += (matching.on ? " on " : " ignoring ") + label_list(matching.labels);
  if (grouped) {
    const bool left = matching.cardinality == Cardinality::many_to_one;
    out += (left ? " group_left " : " group_right ") + label_list(matching.include);
  }
  return out;
}

using Widths = std::unordered_map<const Expr*, std::size_t>;

// One line. Also notes how wide each part of the expression is, if somebody wants to know.
class LinePrinter {
 public:
  explicit LinePrinter(std::string& out, Widths* widths = nullptr) : out_(out), widths_(widths) {}

  void append(const Expr& expression) {
    const std::size_t begin = out_.size();
    std::visit(*this, expression.node);
    if (widths_ != nullptr) widths_->emplace(&expression, out_.size() - begin);
  }

  void operator()(const NumberLiteral& node) { out_ += number_text(node.value); }
  void operator()(const StringLiteral& node) { out_ += quote(node.value); }
  void operator()(const VectorSelector& node) {
    out_ += selector_text(node) + time_text(node.time);
  }
  void operator()(const MatrixSelector& node) {
    out_ += selector_text(node.selector) + '[' + duration_text(node.range_ms) + ']' +
            time_text(node.selector.time);
  }
  void operator()(const Subquery& node) {
    append(*node.inner);
    out_ += subquery_suffix(node);
  }
  void operator()(const Call& node) {
    out_ += node.function->name;
    out_ += '(';
    for (std::size_t i = 0; i < node.arguments.size(); ++i) {
      if (i > 0) out_ += ", ";
      append(*node.arguments[i]);
    }
    out_ += ')';
  }
  void operator()(const Aggregate& node) {
    out_ += aggregate_head(node) + '(';
    if (node.parameter) {
      append(*node.parameter);
      out_ += ", ";
    }
    append(*node.inner);
    out_ += ')';
  }
  void operator()(const Binary& node) {
    append_left(node);
    out_ += ' ' + operator_text(node) + ' ';
    append(*node.right);
  }
  void append_left(const Binary& node) {
    const std::size_t begin = out_.size();
    append(*node.left);
    // The sign of `+Inf ^ 2` would be read last, as one of the whole power.
    if (node.op == BinaryOp::power && out_[begin] == '+' &&
        std::holds_alternative<NumberLiteral>(node.left->node))
      out_.erase(begin, 1);
  }
  void operator()(const Unary& node) {
    out_ += node.minus ? '-' : '+';
    append(*node.inner);
  }
  void operator()(const Parenthesis& node) {
    out_ += '(';
    append(*node.inner);
    out_ += ')';
  }

 private:
  std::string& out_;
  Widths* widths_;
};

// Several lines where one would be too wide. Each node begins at the indentation of its level.
class LayoutPrinter {
 public:
  explicit LayoutPrinter(const Expr& expression) {
    std::string line;
    LinePrinter(line, &widths_).append(expression);
    append(expression, 0);
  }
  std::string take() { return std::move(out_); }

 private:
  void indent(std::size_t level) {
    constexpr std::size_t kDeepest = 50;  // deeper ones would be more blanks than text
    out_.append(2 * std::min(level, kDeepest), ' ');
  }

  void append(const Expr& expression, std::size_t level) {
    indent(level);
    if (fits(expression)) {
      LinePrinter(out_).append(expression);
    } else {
      append_here(expression, level);
    }
  }

  [[nodiscard]] bool fits(const Expr& expression) const {
    return widths_.at(&expression) <= kWidestLine;
  }

  // Like append, where the line has been indented (and perhaps begun).
  void append_here(const Expr& expression, std::size_t level) {
    if (const auto* const call = std::get_if<Call>(&expression.node)) {
      out_ += call->function->name;
      std::vector<const Expr*> parts;
      for (const ExprPtr& argument : call->arguments) parts.push_back(argument.get());
      append_parts(parts, level);
    } else if (const auto* const aggregate = std::get_if<Aggregate>(&expression.node)) {
      out_ += aggregate_head(*aggregate);
      std::vector<const Expr*> parts;
      if (aggregate->parameter) parts.push_back(aggregate->parameter.get());
      parts.push_back(aggregate->inner.get());
      append_parts(parts, level);
    } else if (const auto* const parenthesis = std::get_if<Parenthesis>(&expression.node)) {
      append_parts({parenthesis->inner.get()}, level);
    } else if (const auto* const binary = std::get_if<Binary>(&expression.node)) {
      append_binary(*binary, level);
    } else if (const auto* const unary = std::get_if<Unary>(&expression.node)) {
      out_ += unary->minus ? '-' : '+';
      append_here(*unary->inner, level);
    } else if (const auto* const subquery = std::get_if<Subquery>(&expression.node)) {
      append_here(*subquery->inner, level);
      out_ += subquery_suffix(*subquery);
    } else {
      LinePrinter(out_).append(expression);
    }
  }

  void append_binary(const Binary& binary, std::size_t level) {
    indent(1);  // the left side stands one level deeper than the operator
    if (fits(*binary.left)) {
      LinePrinter(out_).append_left(binary);
    } else {
      append_here(*binary.left, level + 1);
    }
    out_ += '\n';
    indent(level);
    out_ += operator_text(binary) + '\n';
    append(*binary.right, level + 1);
  }

  void append_parts(const std::vector<const Expr*>& parts, std::size_t level) {
    out_ += "(\n";
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) out_ += ",\n";
      append(*parts[i], level + 1);
    }
    out_ += '\n';
    indent(level);
    out_ += ')';
  }

  Widths widths_;
  std::string out_;
};

}  // namespace

std::string format(const Expr& expression) { return LayoutPrinter(expression).take(); }

}  // namespace volta::promql
