#include "prom/engine_range.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.hpp"
#include "base/steps.hpp"
#include "model/time_series.hpp"

namespace volta {
namespace {

constexpr std::int64_t kShortestRateMs = 60'000;
constexpr std::int64_t kRateLeadMs = 15'000;
// A range that is too much for the engine is asked for in parts, so many at most.
constexpr std::size_t kMostStepParts = 32;

std::string selector_of_metric(const MetricOfHost& metric) {
  std::string text = "{" + LabelMatcher::equal(std::string(kNameLabel), metric.name).text() + "," +
                     LabelMatcher::equal(std::string(kHostLabel), metric.host_name).text();
  for (const auto& [key, value] : metric.matchers) {
    text += "," + LabelMatcher::equal(key, value).text();
  }
  return text + "}";
}

std::string expression_of(const RangeQuestion& question, Aggregation aggregation) {
  const auto over = [&](const char* function, std::int64_t window_ms) {
    return std::string(function) + "(" + selector_of_metric(question.metric) + "[" +
           std::to_string(window_ms) + "ms])";
  };
  switch (aggregation) {
    case Aggregation::avg:
      return over("avg_over_time", question.step_ms);
    case Aggregation::min:
      return over("min_over_time", question.step_ms);
    case Aggregation::max:
      return over("max_over_time", question.step_ms);
    case Aggregation::last:
      return over("last_over_time", question.step_ms);
    case Aggregation::rate:
      break;
  }
  return over("rate", std::max(question.step_ms + kRateLeadMs, kShortestRateMs));
}

QueryFailure bad(std::string text) { return {QueryFailure::Kind::bad_data, std::move(text)}; }

}  // namespace

// Of a host that sends to another server the index has nothing.
SeriesDef EngineRange::series_asked(const MetricOfHost& metric) const {
  for (const SeriesRecord& record : index_.find(metric.host, metric.name)) {
    if (record.def.name == metric.name) return record.def;
  }
  return series_of_labels({{std::string(kNameLabel), metric.name}});
}

std::variant<RangeAnswer, QueryFailure> EngineRange::range(const RangeQuestion& question,
                                                           const QueryLimits& limits) const {
  const std::int64_t step = question.step_ms;
  if (step <= 0) return bad("the step must be longer than nothing");
  if (question.end_ms < question.start_ms) return bad("the end lies before the start");
  if (!in_reach(question.start_ms) || !in_reach(question.end_ms) || !in_reach(step)) {
    return bad("the time range is out of reach");
  }
  const std::int64_t first = floor_to_step(question.start_ms, step);
  const auto steps = static_cast<std::size_t>((question.end_ms - first) / step + 1);
  if (steps > limits.most_points) {
    return bad("the range holds " + std::to_string(steps) + " steps, more than " +
               std::to_string(limits.most_points) + "; ask for a longer step or a shorter range");
  }
  const SeriesDef series = series_asked(question.metric);
  const Aggregation aggregation = question.aggregation.value_or(
      series.kind == Kind::counter ? Aggregation::rate : Aggregation::avg);
  RangeAnswer answer;
  answer.step_ms = step;
  answer.unit = series.unit + (aggregation == Aggregation::rate ? "/s" : "");
  for (std::size_t i = 0; i < steps; ++i) {
    answer.timestamps_ms.push_back(first + static_cast<std::int64_t>(i) * step);
  }
  Rows rows;
  const StepsAsked asked{
      expression_of(question, aggregation),       first, step, question.cancel, limits,
      system_clock().monotonic() + limits.timeout};
  if (auto failure = ask_steps(asked, {0, steps}, steps, rows)) return *std::move(failure);
  for (auto& [labels, values] : rows) answer.rows.push_back({labels, std::move(values)});
  return answer;
}

// What is too much at once, for the engine or for one answer, is asked for in halves of its time.
std::optional<QueryFailure> EngineRange::ask_steps(const StepsAsked& asked, StepSpan span,
                                                   std::size_t steps, Rows& rows) const {
  // Each step is answered at its end.
  const auto end_of = [&](std::size_t i) {
    return asked.first_ms + static_cast<std::int64_t>(i + 1) * asked.step_ms;
  };
  QueryLimits limits = asked.limits;
  limits.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      asked.until - system_clock().monotonic());
  if (limits.timeout.count() <= 0) {
    return QueryFailure{QueryFailure::Kind::timeout,
                        "the engine behind took too long; ask for a shorter range"};
  }
  auto outcome = engine_.range(
      {asked.expression, end_of(span.first), end_of(span.first + span.count - 1), asked.step_ms},
      limits, asked.cancel);
  if (auto* failure = std::get_if<QueryFailure>(&outcome)) {
    if (failure->kind != QueryFailure::Kind::execution || span.count * kMostStepParts <= steps ||
        span.count == 1) {
      if (failure->kind == QueryFailure::Kind::execution) {
        failure->text += " (ask for a longer step or a shorter range)";
      }
      return std::move(*failure);
    }
    const std::size_t half = span.count / 2;
    auto failed = ask_steps(asked, {span.first, half}, steps, rows);
    if (failed) return failed;
    return ask_steps(asked, {span.first + half, span.count - half}, steps, rows);
  }
  const auto* matrix = std::get_if<MatrixValue>(&std::get<QueryAnswer>(outcome).value);
  if (matrix == nullptr) return bad("the engine behind answers a range with no matrix");
  for (const MatrixValue::Row& row : matrix->rows) {
    std::vector<double>& values = rows[without_name_and_host(*row.labels)];
    values.resize(steps, std::numeric_limits<double>::quiet_NaN());
    for (std::size_t i = 0; i < row.times_ms.size(); ++i) {
      const std::int64_t at = (row.times_ms[i] - asked.step_ms - asked.first_ms) / asked.step_ms;
      if (at >= 0 && static_cast<std::size_t>(at) < steps) {
        values[static_cast<std::size_t>(at)] = row.values[i];
      }
    }
  }
  return std::nullopt;
}

std::variant<std::vector<Growth>, QueryFailure> EngineRange::growth(
    const GrowthQuestion& question, const QueryLimits& limits) const {
  if (!in_reach(question.start_ms) || !in_reach(question.end_ms)) {
    return bad("the time range is out of reach");
  }
  const std::int64_t span = question.end_ms - question.start_ms;
  if (span <= 0) return std::vector<Growth>{};
  const std::string expression =
      "increase(" + selector_of_metric(question.metric) + "[" + std::to_string(span) + "ms])";
  auto outcome = engine_.instant({expression, question.end_ms}, limits, question.cancel);
  if (auto* failure = std::get_if<QueryFailure>(&outcome)) return std::move(*failure);
  const auto* vector = std::get_if<VectorValue>(&std::get<QueryAnswer>(outcome).value);
  if (vector == nullptr) return bad("the engine behind answers a sum with no vector");
  std::vector<Growth> grown;
  for (const VectorValue::Element& element : vector->elements) {
    if (!std::isfinite(element.value)) continue;
    grown.push_back({without_name_and_host(*element.labels), std::max(0.0, element.value)});
  }
  return grown;
}

}  // namespace volta
