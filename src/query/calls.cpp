// Evaluates calls of functions: their arguments, then what function_table.hpp names.
#include <algorithm>
#include <numbers>

#include "base/assert.hpp"
#include "query/evaluator.hpp"
#include "query/histogram.hpp"
#include "query/instant_functions.hpp"
#include "query/label_functions.hpp"

namespace volta::promql {
namespace {

ValueType argument_type(const Call& call, std::size_t index) {
  const auto types = call.function->arguments;
  return types[std::min(index, types.size() - 1)];
}

std::string string_of(const Expr& expression) {
  const auto* text = std::get_if<StringLiteral>(&inside(expression).node);
  VOLTA_ASSERT(text != nullptr, "the type check lets only string literals through");
  return text->value;
}

std::vector<std::string> strings_from(const Call& call, std::size_t first) {
  std::vector<std::string> strings;
  for (std::size_t i = first; i < call.arguments.size(); ++i) {
    strings.push_back(string_of(*call.arguments[i]));
  }
  return strings;
}

const Expr* argument_of_type(const Call& call, ValueType type) {
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    if (argument_type(call, i) == type) return call.arguments[i].get();
  }
  return nullptr;
}

}  // namespace

std::vector<ScalarColumn> Evaluator::scalars(const Call& node, const Grid& grid,
                                             std::vector<SeriesMatrix>& held) {
  for (std::size_t i = 0; i < node.arguments.size(); ++i) {
    if (argument_type(node, i) != ValueType::scalar) continue;
    held.push_back(folded(*node.arguments[i], grid));
  }
  std::vector<ScalarColumn> columns;
  columns.reserve(held.size());
  for (const SeriesMatrix& matrix : held) columns.push_back({matrix.row(0)});
  return columns;
}

SeriesMatrix Evaluator::call(const Call& node, const Grid& grid) {
  const auto argument = [&] { return evaluate(*node.arguments[0], grid); };
  switch (node.function->id) {
    case FunctionId::time:
      return times_of(budget_, grid);
    case FunctionId::pi: {
      SeriesMatrix out(budget_, 1, 1);
      out.row(0)[0] = std::numbers::pi;
      return out;
    }
    case FunctionId::vector: {
      SeriesMatrix out = argument();
      out.set_one_name(true);
      return out;
    }
    case FunctionId::scalar:
      return scalar_of(argument());
    case FunctionId::timestamp:
      return timestamp_call(node, grid);
    case FunctionId::absent:
    case FunctionId::absent_over_time:
      return absent_call(node, grid);
    case FunctionId::sort:
      return sorted_by_value(argument(), false);
    case FunctionId::sort_desc:
      return sorted_by_value(argument(), true);
    case FunctionId::label_replace:
    case FunctionId::label_join:
    case FunctionId::sort_by_label:
    case FunctionId::sort_by_label_desc:
      return label_call(node, grid);
    default:
      return value_call(node, grid);
  }
}

SeriesMatrix Evaluator::label_call(const Call& node, const Grid& grid) {
  SeriesMatrix matrix = evaluate(*node.arguments[0], grid);
  const std::vector<std::string> texts = strings_from(node, 1);
  switch (node.function->id) {
    case FunctionId::label_replace:
      return label_replace(std::move(matrix), {texts[0], texts[1], texts[2], texts[3]});
    case FunctionId::label_join:
      return label_join(std::move(matrix), {texts[0], texts[1], {texts.begin() + 2, texts.end()}});
    default:
      return sorted_by_labels(std::move(matrix), texts,
                              node.function->id == FunctionId::sort_by_label_desc);
  }
}

SeriesMatrix Evaluator::absent_call(const Call& node, const Grid& grid) {
  const Expr& argument = inside(*node.arguments[0]);
  LabelsPtr labels = no_labels();
  if (const auto* selector = std::get_if<VectorSelector>(&argument.node)) {
    labels = absent_labels(selector->matchers);
  } else if (const auto* range = std::get_if<MatrixSelector>(&argument.node)) {
    labels = absent_labels(range->selector.matchers);
  }
  if (node.function->id == FunctionId::absent) return absent_of(evaluate(argument, grid), labels);
  return absent_of(range_call(FunctionId::last_over_time, argument, grid, {}), labels);
}

// Of a selector the times of its samples, of all else the time of evaluation.
SeriesMatrix Evaluator::timestamp_call(const Call& node, const Grid& grid) {
  const Expr& argument = inside(*node.arguments[0]);
  if (const auto* selector = std::get_if<VectorSelector>(&argument.node)) {
    return without_names(vector_selector(*selector, grid, Shows::time), false);
  }
  SeriesMatrix matrix = evaluate(argument, grid);
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    const auto row = matrix.row(r);
    for (std::size_t step = 0; step < row.size(); ++step) {
      if (!is_absent(row[step])) row[step] = static_cast<double>(grid.time(step)) / 1000;
    }
  }
  return without_names(std::move(matrix), false);
}

SeriesMatrix Evaluator::value_call(const Call& node, const Grid& grid) {
  const FunctionId function = node.function->id;
  std::vector<SeriesMatrix> held;
  const std::vector<ScalarColumn> parameters = scalars(node, grid, held);
  if (const Expr* range = argument_of_type(node, ValueType::matrix)) {
    return range_call(function, *range, grid, parameters);
  }
  const Expr* vector = argument_of_type(node, ValueType::vector);
  SeriesMatrix matrix = vector != nullptr ? evaluate(*vector, grid) : times_of(budget_, grid);
  if (vector == nullptr) matrix.set_one_name(true);  // hour() is hour(vector(time()))
  if (function == FunctionId::histogram_quantile) {
    return histogram_quantile(parameters[0], matrix);
  }
  map_function(function, parameters, matrix);
  matrix.set_ordered(false);
  if (function == FunctionId::clamp) matrix.drop_empty_rows();
  return without_names(std::move(matrix), false);
}

}  // namespace volta::promql
