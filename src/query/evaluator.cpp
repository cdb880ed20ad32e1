#include "query/evaluator.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "query/aggregation.hpp"
#include "query/binary.hpp"
#include "query/instant_functions.hpp"

namespace volta::promql {
namespace {

SeriesMatrix constant(Budget& budget, double value) {
  SeriesMatrix out(budget, 1, 1);
  out.row(0)[0] = value;
  return out;
}

// Functions whose value depends on the time of evaluation, whatever their arguments.
bool depends_on_time(const Call& call) {
  switch (call.function->id) {
    case FunctionId::time:
    case FunctionId::timestamp:
    case FunctionId::predict_linear:
      return true;
    case FunctionId::minute:
    case FunctionId::hour:
    case FunctionId::day_of_month:
    case FunctionId::day_of_week:
    case FunctionId::day_of_year:
    case FunctionId::days_in_month:
    case FunctionId::month:
    case FunctionId::year:
      return call.arguments.empty();
    default:
      return false;
  }
}

}  // namespace

const Expr& inside(const Expr& expression) {
  const Expr* at = &expression;
  while (const auto* parenthesis = std::get_if<Parenthesis>(&at->node)) {
    at = parenthesis->inner.get();
  }
  return *at;
}

bool Evaluator::is_constant(const Expr& expression) const {
  const auto fixed = [](const TimeModifier& time) { return time.at != TimeModifier::At::none; };
  const Expr& inner = inside(expression);
  if (const auto* node = std::get_if<VectorSelector>(&inner.node)) return fixed(node->time);
  if (const auto* node = std::get_if<MatrixSelector>(&inner.node)) {
    return fixed(node->selector.time);
  }
  if (const auto* node = std::get_if<Subquery>(&inner.node)) return fixed(node->time);
  if (const auto* node = std::get_if<Unary>(&inner.node)) return is_constant(*node->inner);
  if (const auto* node = std::get_if<Binary>(&inner.node)) {
    return is_constant(*node->left) && is_constant(*node->right);
  }
  if (const auto* node = std::get_if<Aggregate>(&inner.node)) {
    return is_constant(*node->inner) && (!node->parameter || is_constant(*node->parameter));
  }
  if (const auto* node = std::get_if<Call>(&inner.node)) {
    return !depends_on_time(*node) &&
           std::all_of(node->arguments.begin(), node->arguments.end(),
                       [&](const ExprPtr& argument) { return is_constant(*argument); });
  }
  return true;  // literals
}

SeriesMatrix Evaluator::evaluate(const Expr& expression, const Grid& grid) {
  return folded(expression, grid).repeated(grid.steps);
}

SeriesMatrix Evaluator::folded(const Expr& expression, const Grid& grid) {
  const Expr& inner = inside(expression);
  if (grid.steps > 1 && is_constant(inner)) return dispatch(inner, grid.first());
  return dispatch(inner, grid);
}

SeriesMatrix Evaluator::dispatch(const Expr& expression, const Grid& grid) {
  budget_.check();
  const auto& node = expression.node;
  if (const auto* number = std::get_if<NumberLiteral>(&node)) {
    return constant(budget_, number->value);
  }
  if (const auto* selector = std::get_if<VectorSelector>(&node)) {
    return vector_selector(*selector, grid, Shows::value);
  }
  if (const auto* made = std::get_if<Call>(&node)) return call(*made, grid);
  if (const auto* aggregate_node = std::get_if<Aggregate>(&node)) {
    return aggregation(*aggregate_node, grid);
  }
  if (const auto* binary_node = std::get_if<Binary>(&node)) return binary(*binary_node, grid);
  const auto* unary_node = std::get_if<Unary>(&node);
  VOLTA_ASSERT(unary_node != nullptr, "a string or a range where the type check lets none through");
  return unary(*unary_node, grid);
}

SeriesMatrix Evaluator::unary(const Unary& node, const Grid& grid) {
  SeriesMatrix matrix = folded(*node.inner, grid);
  matrix.set_ordered(false);
  if (!node.minus) return matrix;
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    for (double& value : matrix.row(r)) {
      if (!is_absent(value)) value = -value;
    }
  }
  return without_names(std::move(matrix), true);
}

SeriesMatrix Evaluator::binary(const Binary& node, const Grid& grid) {
  const bool vector_left = kind_of(*node.left) == ValueType::vector;
  const bool vector_right = kind_of(*node.right) == ValueType::vector;
  if (vector_left && vector_right) {
    SeriesMatrix left = evaluate(*node.left, grid);
    SeriesMatrix right = evaluate(*node.right, grid);
    return vector_binary(node, std::move(left), std::move(right));
  }
  SeriesMatrix left = vector_left ? evaluate(*node.left, grid) : folded(*node.left, grid);
  SeriesMatrix right = vector_right ? evaluate(*node.right, grid) : folded(*node.right, grid);
  return scalar_binary(node, std::move(left), std::move(right), vector_left, vector_right);
}

SeriesMatrix Evaluator::aggregation(const Aggregate& node, const Grid& grid) {
  SeriesMatrix matrix = evaluate(*node.inner, grid);
  if (!node.parameter) return aggregate({node, {}, {}}, std::move(matrix));
  if (node.op == AggregateOp::count_values) {
    const auto* text = std::get_if<StringLiteral>(&inside(*node.parameter).node);
    VOLTA_ASSERT(text != nullptr, "count_values takes a string");
    return aggregate({node, {}, text->value}, std::move(matrix));
  }
  const SeriesMatrix parameter = folded(*node.parameter, grid);
  return aggregate({node, {parameter.row(0)}, {}}, std::move(matrix));
}

}  // namespace volta::promql
