#include "query/type_check.hpp"

#include <algorithm>
#include <utility>

#include "model/time_series.hpp"
#include "query/quote.hpp"

namespace volta::promql {
namespace {

std::string quoted_op(BinaryOp op) { return quote(to_text(op)); }

std::string_view short_name(ValueType type) {
  return type == ValueType::vector ? "vector"
                                   : (type == ValueType::matrix ? "matrix" : to_text(type));
}

// Visits a node after its place is known; each handler says the node's kind.
class TypeChecker {
 public:
  explicit TypeChecker(std::string_view text) : text_(text) {}

  ValueType check(Expr& expression) {
    return std::visit([&](auto& node) { return visit(expression, node); }, expression.node);
  }
  std::optional<ParseError> take_error() { return std::move(error_); }

 private:
  void fail(std::uint32_t begin, std::string text) {
    if (!error_) error_ = ParseError{.begin = begin, .text = std::move(text)};
  }

  void expect(Expr& expression, ValueType wanted, const std::string& where) {
    const ValueType kind = check(expression);
    if (kind == wanted) return;
    fail(expression.begin, "expected type " + std::string(to_text(wanted)) + " in " + where +
                               ", got " + std::string(to_text(kind)));
  }

  ValueType visit(const Expr& /*expression*/, const NumberLiteral& /*node*/) {
    return ValueType::scalar;
  }
  ValueType visit(const Expr& /*expression*/, const StringLiteral& /*node*/) {
    return ValueType::string;
  }

  ValueType visit(const Expr& expression, const VectorSelector& selector) {
    std::string problem = name_problem(selector);
    if (!problem.empty()) fail(expression.begin, std::move(problem));
    if (!selects_something(selector.matchers))
      fail(expression.begin, "vector selector must contain at least one non-empty matcher");
    return ValueType::vector;
  }

  ValueType visit(const Expr& expression, const MatrixSelector& matrix) {
    visit(expression, matrix.selector);
    return ValueType::matrix;
  }

  ValueType visit(const Expr& expression, Subquery& subquery) {
    const ValueType kind = check(*subquery.inner);
    if (kind != ValueType::vector) {
      fail(expression.begin, "subquery is only allowed on instant vector, got " +
                                 std::string(short_name(kind)) + " instead");
    }
    return ValueType::matrix;
  }

  ValueType visit(const Expr& expression, Call& call) {
    const Function& function = *call.function;
    std::string problem = argument_count_problem(function, call.arguments.size());
    if (!problem.empty()) fail(expression.begin, std::move(problem));
    const std::string where = "call to function " + quote(function.name);
    for (std::size_t i = 0; i < call.arguments.size() && !error_; ++i) {
      const std::size_t type = std::min(i, function.arguments.size() - 1);
      expect(*call.arguments[i], function.arguments[type], where);
    }
    return function.result;
  }

  static std::string argument_count_problem(const Function& function, std::size_t given) {
    const std::size_t most = function.arguments.size();
    const std::size_t least = function.variadic == 0
                                  ? most
                                  : most - static_cast<std::size_t>(std::max(function.variadic, 1));
    const bool endless = function.variadic < 0;
    if (given >= least && (given <= most || endless)) return {};
    std::string bound;
    std::size_t wanted = most;
    if (function.variadic != 0) {
      bound = given < least ? "at least " : "at most ";
      wanted = given < least ? least : most;
    }
    return "expected " + bound + std::to_string(wanted) + " argument(s) in call to " +
           quote(function.name) + ", got " + std::to_string(given);
  }

  ValueType visit(const Expr& /*expression*/, Aggregate& aggregate) {
    expect(*aggregate.inner, ValueType::vector, "aggregation expression");
    if (aggregate.parameter) {
      const bool text = aggregate.op == AggregateOp::count_values;
      expect(*aggregate.parameter, text ? ValueType::string : ValueType::scalar,
             "aggregation parameter");
    }
    return ValueType::vector;
  }

  ValueType visit(const Expr& expression, Binary& binary) {
    const ValueType left = check(*binary.left);
    const ValueType right = check(*binary.right);
    const bool scalars = left == ValueType::scalar && right == ValueType::scalar;
    if (!error_) {
      check_operator(binary, scalars);
      check_sides(binary, left, right);
      check_matching(expression, binary, left, right);
    }
    return scalars ? ValueType::scalar : ValueType::vector;
  }

  // Where the operator stands: the first that is no space after the left side.
  [[nodiscard]] std::uint32_t operator_begin(const Binary& binary) const {
    const std::size_t begin = text_.find_first_not_of(" \t\r\n", binary.left->end);
    return static_cast<std::uint32_t>(std::min(begin, text_.size()));
  }

  void check_operator(const Binary& binary, bool scalars) {
    if (binary.return_bool && !is_comparison(binary.op))
      fail(operator_begin(binary), "bool modifier can only be used on comparison operators");
    if (is_comparison(binary.op) && !binary.return_bool && scalars)
      fail(operator_begin(binary), "comparisons between scalars must use BOOL modifier");
    if (!binary.matching.on) return;
    for (const std::string& label : binary.matching.labels) {
      const auto& include = binary.matching.include;
      if (std::find(include.begin(), include.end(), label) == include.end()) continue;
      fail(operator_begin(binary),
           "label " + quote(label) + " must not occur in ON and GROUP clause at once");
    }
  }

  void check_sides(const Binary& binary, ValueType left, ValueType right) {
    const auto joinable = [](ValueType kind) {
      return kind == ValueType::scalar || kind == ValueType::vector;
    };
    constexpr std::string_view kText =
        "binary expression must contain only scalar and instant vector types";
    if (!joinable(left)) fail(binary.left->begin, std::string(kText));
    if (!joinable(right)) fail(binary.right->begin, std::string(kText));
  }

  void check_matching(const Expr& expression, Binary& binary, ValueType left, ValueType right) {
    using Cardinality = VectorMatching::Cardinality;
    const bool vectors = left == ValueType::vector && right == ValueType::vector;
    if (!vectors) {
      if (!binary.matching.labels.empty())
        fail(expression.begin, "vector matching only allowed between instant vectors");
      binary.matching = {};
      if (is_set(binary.op)) {
        fail(expression.begin,
             "set operator " + quoted_op(binary.op) + " not allowed in binary scalar expression");
      }
    } else if (is_set(binary.op)) {
      if (binary.matching.cardinality != Cardinality::one_to_one)
        fail(expression.begin, "no grouping allowed for " + quoted_op(binary.op) + " operation");
      binary.matching.cardinality = Cardinality::many_to_many;
    }
  }

  ValueType visit(const Expr& expression, Unary& unary) {
    const ValueType kind = check(*unary.inner);
    if (kind != ValueType::scalar && kind != ValueType::vector) {
      fail(expression.begin,
           "unary expression only allowed on expressions of type scalar or instant vector, got " +
               quote(to_text(kind)));
    }
    return kind;
  }

  ValueType visit(const Expr& /*expression*/, Parenthesis& parenthesis) {
    return check(*parenthesis.inner);
  }

  std::string_view text_;
  std::optional<ParseError> error_;
};

}  // namespace

std::optional<ParseError> check_types(Expr& expression, std::string_view text) {
  TypeChecker checker(text);
  checker.check(expression);
  return checker.take_error();
}

std::string name_problem(const VectorSelector& selector) {
  if (selector.name.empty()) return {};
  for (std::size_t i = 0; i + 1 < selector.matchers.size(); ++i) {
    const LabelMatcher& matcher = selector.matchers[i];
    if (matcher.name() != kNameLabel) continue;
    return "metric name must not be set twice: " + quote(selector.name) + " or " +
           quote(matcher.value());
  }
  return {};
}

bool selects_something(const Matchers& matchers) {
  return std::any_of(matchers.begin(), matchers.end(),
                     [](const LabelMatcher& matcher) { return !matcher.matches(""); });
}

}  // namespace volta::promql
