#include "query/ast.hpp"

namespace volta::promql {
namespace {

struct KindOfNode {
  ValueType operator()(const NumberLiteral&) const { return ValueType::scalar; }
  ValueType operator()(const StringLiteral&) const { return ValueType::string; }
  ValueType operator()(const VectorSelector&) const { return ValueType::vector; }
  ValueType operator()(const MatrixSelector&) const { return ValueType::matrix; }
  ValueType operator()(const Subquery&) const { return ValueType::matrix; }
  ValueType operator()(const Call& call) const { return call.function->result; }
  ValueType operator()(const Aggregate&) const { return ValueType::vector; }
  ValueType operator()(const Binary& binary) const {
    const bool scalars =
        kind_of(*binary.left) == ValueType::scalar && kind_of(*binary.right) == ValueType::scalar;
    return scalars ? ValueType::scalar : ValueType::vector;
  }
  ValueType operator()(const Unary& unary) const { return kind_of(*unary.inner); }
  ValueType operator()(const Parenthesis& parenthesis) const { return kind_of(*parenthesis.inner); }
};

}  // namespace

std::string_view to_text(AggregateOp op) {
  switch (op) {
    case AggregateOp::sum:
      return "sum";
    case AggregateOp::avg:
      return "avg";
    case AggregateOp::min:
      return "min";
    case AggregateOp::max:
      return "max";
    case AggregateOp::count:
      return "count";
    case AggregateOp::group:
      return "group";
    case AggregateOp::stddev:
      return "stddev";
    case AggregateOp::stdvar:
      return "stdvar";
    case AggregateOp::topk:
      return "topk";
    case AggregateOp::bottomk:
      return "bottomk";
    case AggregateOp::quantile:
      return "quantile";
    case AggregateOp::count_values:
      return "count_values";
    case AggregateOp::limitk:
      return "limitk";
    case AggregateOp::limit_ratio:
      break;
  }
  return "limit_ratio";
}

std::string_view to_text(BinaryOp op) {
  switch (op) {
    case BinaryOp::add:
      return "+";
    case BinaryOp::subtract:
      return "-";
    case BinaryOp::multiply:
      return "*";
    case BinaryOp::divide:
      return "/";
    case BinaryOp::modulo:
      return "%";
    case BinaryOp::power:
      return "^";
    case BinaryOp::atan2:
      return "atan2";
    case BinaryOp::equal:
      return "==";
    case BinaryOp::not_equal:
      return "!=";
    case BinaryOp::less:
      return "<";
    case BinaryOp::less_equal:
      return "<=";
    case BinaryOp::greater:
      return ">";
    case BinaryOp::greater_equal:
      return ">=";
    case BinaryOp::set_and:
      return "and";
    case BinaryOp::set_or:
      return "or";
    case BinaryOp::set_unless:
      break;
  }
  return "unless";
}

ValueType kind_of(const Expr& expression) { return std::visit(KindOfNode{}, expression.node); }

}  // namespace volta::promql
