// A PromQL expression as a tree: made and checked by parser.hpp, printed by printer.hpp, evaluated
// by evaluator.hpp. Values; nothing in it knows the text it came from but for positions in errors.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/matcher.hpp"
#include "query/function_table.hpp"

namespace volta::promql {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

// offset and @, of selectors and subqueries.
struct TimeModifier {
  enum class At : std::uint8_t { none, time, start, end };  // `@ start()`: of the range query
  std::int64_t offset_ms = 0;                               // positive: looks back
  At at = At::none;
  std::int64_t at_ms = 0;  // of At::time
};

struct NumberLiteral {
  double value = 0;
};
struct StringLiteral {
  std::string value;
};
struct VectorSelector {
  std::string name;   // as written before the braces; "" if it was not. Among `matchers` too
  Matchers matchers;  // sorted by text; behind them that of `name`, if there is one
  TimeModifier time;
};
struct MatrixSelector {
  VectorSelector selector;
  std::int64_t range_ms = 0;  // > 0
};
struct Subquery {
  ExprPtr inner;
  std::int64_t range_ms = 0;  // > 0
  std::int64_t step_ms = 0;   // 0: the default step, one minute
  TimeModifier time;
};
struct Call {
  const Function* function = nullptr;  // a row of the table, never null
  std::vector<ExprPtr> arguments;      // as many as were written
};

enum class AggregateOp : std::uint8_t {
  sum,
  avg,
  min,
  max,
  count,
  group,
  stddev,
  stdvar,
  topk,
  bottomk,
  quantile,
  count_values,
  limitk,
  limit_ratio
};
inline constexpr std::array kAggregateOps{
    AggregateOp::sum,    AggregateOp::avg,        AggregateOp::min,      AggregateOp::max,
    AggregateOp::count,  AggregateOp::group,      AggregateOp::stddev,   AggregateOp::stdvar,
    AggregateOp::topk,   AggregateOp::bottomk,    AggregateOp::quantile, AggregateOp::count_values,
    AggregateOp::limitk, AggregateOp::limit_ratio};
constexpr bool has_parameter(AggregateOp op) { return op >= AggregateOp::topk; }
std::string_view to_text(AggregateOp op);  // "sum"

struct Aggregate {
  AggregateOp op = AggregateOp::sum;
  ExprPtr inner;
  ExprPtr parameter;  // of topk, bottomk, quantile, count_values, limitk, limit_ratio; else null
  std::vector<std::string> labels;
  bool without = false;  // else by; `by ()` where nothing was written
};

enum class BinaryOp : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  modulo,
  power,
  atan2,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  set_and,
  set_or,
  set_unless
};
constexpr bool is_comparison(BinaryOp op) {
  return op >= BinaryOp::equal && op <= BinaryOp::greater_equal;
}
constexpr bool is_set(BinaryOp op) { return op >= BinaryOp::set_and; }
std::string_view to_text(BinaryOp op);  // "+", "unless"

struct VectorMatching {
  enum class Cardinality : std::uint8_t { one_to_one, many_to_one, one_to_many, many_to_many };
  Cardinality cardinality = Cardinality::one_to_one;  // many_to_one: group_left; many_to_many: sets
  bool on = false;                                    // else ignoring (of nothing, by default)
  std::vector<std::string> labels;
  std::vector<std::string> include;  // of group_left, group_right
};
struct Binary {
  BinaryOp op = BinaryOp::add;
  ExprPtr left;
  ExprPtr right;
  bool return_bool = false;
  VectorMatching matching;  // counts where both sides are vectors
};
struct Unary {
  bool minus = false;
  ExprPtr inner;
};
struct Parenthesis {
  ExprPtr inner;
};

// No tree that the parser hands out is higher, so that whoever walks it may recurse.
constexpr std::uint32_t kMostTreeLevels = 500;

struct Expr {
  std::uint32_t begin = 0;  // bytes of the text that it was parsed from
  std::uint32_t end = 0;
  std::uint32_t levels = 1;  // of the tree from here down
  std::variant<NumberLiteral, StringLiteral, VectorSelector, MatrixSelector, Subquery, Call,
               Aggregate, Binary, Unary, Parenthesis>
      node;
};

// scalar, string, instant vector or range vector.
ValueType kind_of(const Expr& expression);

}  // namespace volta::promql
