#include "query/engine.hpp"

#include <algorithm>
#include <numeric>

#include <sched.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "query/answer_weight.hpp"
#include "query/evaluator.hpp"
#include "query/parser.hpp"
#include "query/printer.hpp"

namespace volta {
namespace {

using promql::Budget;
using promql::Evaluator;
using promql::Expr;
using promql::Grid;
using promql::LabelsPtr;
using promql::SeriesMatrix;
using promql::Stop;

QueryFailure bad_data(std::string text) { return {QueryFailure::Kind::bad_data, std::move(text)}; }

// Rows by labels, or as they are where their order is the point.
std::vector<std::pair<LabelsPtr, std::size_t>> ordered_rows(const SeriesMatrix& matrix,
                                                            bool keep_order) {
  std::vector<std::pair<LabelsPtr, std::size_t>> rows;
  rows.reserve(matrix.rows());
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    if (!matrix.is_empty(r)) {
      rows.emplace_back(finished(matrix.budget(), matrix.labels(r)), r);
    }
  }
  if (keep_order) return rows;
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return *a.first < *b.first; });
  return rows;
}

VectorValue vector_value(const SeriesMatrix& matrix, std::int64_t time_ms) {
  VectorValue value;
  for (auto& [labels, r] : ordered_rows(matrix, matrix.ordered())) {
    matrix.budget().take_bytes(sizeof(VectorValue::Element) + promql::kBytesPerPoint +
                               promql::weight_of_labels(*labels));
    value.elements.push_back({std::move(labels), time_ms, matrix.row(r)[0]});
  }
  return value;
}

MatrixValue matrix_value(const SeriesMatrix& matrix, const Grid& grid) {
  MatrixValue value;
  promql::Pace pace(&matrix.budget());
  for (auto& [labels, r] : ordered_rows(matrix, false)) {
    pace.spend(grid.steps);
    const auto values = matrix.row(r);
    const auto points = static_cast<std::size_t>(std::count_if(
        values.begin(), values.end(), [](double v) { return !promql::is_absent(v); }));
    matrix.budget().take_bytes(points * promql::kBytesPerPoint + promql::weight_of_labels(*labels));
    MatrixValue::Row row;
    row.labels = std::move(labels);
    row.times_ms.reserve(points);
    row.values.reserve(points);
    for (std::size_t step = 0; step < values.size(); ++step) {
      if (promql::is_absent(values[step])) continue;
      row.times_ms.push_back(grid.time(step));
      row.values.push_back(values[step]);
    }
    value.rows.push_back(std::move(row));
  }
  return value;
}

QueryValue instant_value(const Expr& expression, Evaluator& evaluator, std::int64_t time_ms) {
  const Grid grid{time_ms, 1, 1};
  switch (kind_of(expression)) {
    case promql::ValueType::scalar:
      return ScalarValue{time_ms, evaluator.evaluate(expression, grid).row(0)[0]};
    case promql::ValueType::string:
      return StringValue{time_ms,
                         std::get<promql::StringLiteral>(promql::inside(expression).node).value};
    case promql::ValueType::vector:
      return vector_value(evaluator.evaluate(expression, grid), time_ms);
    case promql::ValueType::matrix:
      break;
  }
  MatrixValue value{evaluator.samples_of(expression, time_ms)};
  std::stable_sort(value.rows.begin(), value.rows.end(),
                   [](const auto& a, const auto& b) { return *a.labels < *b.labels; });
  return value;
}

// Runs `evaluate` and says in the words of QueryOutcome how it ended.
template <typename Function>
QueryOutcome guarded(const Function& evaluate) {
  try {
    return evaluate();
  } catch (const Stop& stop) {
    return stop.failure();
  } catch (const Failure& failure) {
    log::error("a query failed", {{"why", failure.what()}});
    return QueryFailure{QueryFailure::Kind::internal, failure.what()};
  }
}

std::optional<QueryFailure> range_problem(const RangeQuery& query, const QueryLimits& limits) {
  if (query.step_ms <= 0) {
    return bad_data(
        "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  if (!in_reach(query.start_ms) || !in_reach(query.end_ms) || !in_reach(query.step_ms)) {
    return bad_data("the time range is out of reach");
  }
  if (query.end_ms < query.start_ms) {
    return bad_data("end timestamp must not be before start time");
  }
  const auto steps = static_cast<std::size_t>((query.end_ms - query.start_ms) / query.step_ms);
  if (steps > limits.most_points) return bad_data(too_many_points(limits.most_points));
  return std::nullopt;
}

}  // namespace

unsigned usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  constexpr unsigned kMost = 8;  // beyond them reading is what queries wait for
  return std::min(static_cast<unsigned>(CPU_COUNT(&allowed)), kMost);
}

QueryOutcome PromqlEngine::instant(const InstantQuery& query, const QueryLimits& limits,
                                   const std::atomic<bool>* cancel) const {
  if (!in_reach(query.time_ms)) return bad_data("the time is out of reach");
  const auto expression = promql::parse(query.expression);
  if (!expression) return bad_data(expression.error().text);
  return guarded([&]() -> QueryOutcome {
    Budget budget(limits, cancel);
    const promql::Helpers::Asking asking(helpers_);
    Evaluator evaluator({source_, budget, helpers_}, {query.time_ms, query.time_ms});
    QueryAnswer answer;
    answer.value = instant_value(**expression, evaluator, query.time_ms);
    answer.tier = evaluator.coarsest();
    answer.samples_read = budget.samples_read();
    return answer;
  });
}

QueryOutcome PromqlEngine::range(const RangeQuery& query, const QueryLimits& limits,
                                 const std::atomic<bool>* cancel) const {
  if (auto problem = range_problem(query, limits)) return std::move(*problem);
  const auto expression = promql::parse(query.expression);
  if (!expression) return bad_data(expression.error().text);
  const promql::ValueType kind = kind_of(**expression);
  if (kind != promql::ValueType::vector && kind != promql::ValueType::scalar) {
    return bad_data("invalid expression type \"" + std::string(to_text(kind)) +
                    "\" for range query, must be Scalar or instant Vector");
  }
  return guarded([&]() -> QueryOutcome {
    Budget budget(limits, cancel);
    const promql::Helpers::Asking asking(helpers_);
    Evaluator evaluator({source_, budget, helpers_}, {query.start_ms, query.end_ms});
    const auto steps = (query.end_ms - query.start_ms) / query.step_ms + 1;
    const Grid grid{query.start_ms, query.step_ms, static_cast<std::size_t>(steps)};
    QueryAnswer answer;
    answer.value = matrix_value(evaluator.evaluate(**expression, grid), grid);
    answer.tier = evaluator.coarsest();
    answer.samples_read = budget.samples_read();
    return answer;
  });
}

Result<std::string> PromqlEngine::format(std::string_view expression) const {
  const auto tree = promql::parse(expression);
  if (!tree) return tree.error();
  return promql::format(**tree);
}

Result<Matchers> PromqlEngine::selector(std::string_view text) const {
  return promql::parse_selector(text);
}

}  // namespace volta
