#include "query/range.hpp"

#include <algorithm>
#include <cmath>

#include "base/steps.hpp"
#include "query/span_reader.hpp"
#include "query/step_fold.hpp"
#include "query/tier_choice.hpp"

namespace volta {
namespace {

using promql::Budget;
using promql::FunctionId;

// A counter's rate may count from a sample this much before: three of the slowest default periods.
constexpr std::int64_t kLookbackMs = 180'000;

std::optional<QueryFailure> problem_of(const RangeQuestion& question, const QueryLimits& limits) {
  const auto bad = [](std::string text) {
    return QueryFailure{QueryFailure::Kind::bad_data, std::move(text)};
  };
  if (question.step_ms <= 0) return bad("the step must be longer than nothing");
  if (question.end_ms < question.start_ms) return bad("the end lies before the start");
  if (!in_reach(question.start_ms) || !in_reach(question.end_ms) || !in_reach(question.step_ms)) {
    return bad("the time range is out of reach");
  }
  const std::int64_t points =
      (question.end_ms - floor_to_step(question.start_ms, question.step_ms)) / question.step_ms + 1;
  if (static_cast<std::uint64_t>(points) > limits.most_points) {
    return bad("the range holds " + std::to_string(points) + " steps, more than " +
               std::to_string(limits.most_points) + "; ask for a longer step or a shorter range");
  }
  return std::nullopt;
}

StepGrid grid_of(const RangeQuestion& question) {
  const std::int64_t first = floor_to_step(question.start_ms, question.step_ms);
  return {first, question.step_ms, (question.end_ms - first) / question.step_ms + 1};
}

// The tier whose windows make up the steps; raw: none do. Growth is kept of counters only.
Tier base_of(const SeriesSource& source, const StepGrid& grid, Aggregation aggregation,
             std::span<const QuerySeries> series) {
  const bool counters = std::all_of(series.begin(), series.end(), [](const QuerySeries& one) {
    return one.kind == Kind::counter;
  });
  if (aggregation == Aggregation::rate && !counters) return Tier::raw;
  const promql::Grid ends{grid.first_ms + grid.step_ms, grid.step_ms,
                          static_cast<std::size_t>(grid.steps)};
  promql::WindowTimes windows;
  windows.grid = ends;
  windows.range_ms = grid.step_ms;
  return promql::exact_tier(source, FunctionId::increase, windows);
}

struct Folded {
  std::vector<std::vector<double>> rows;  // a series each
  Tier tier = Tier::raw;
};

Folded fold(SpanReader& reader, std::span<const QuerySeries> series, Tier base,
            const StepGrid& grid, Aggregation aggregation) {
  const std::int64_t lookback = std::max(kLookbackMs, grid.step_ms);
  std::vector<StepFold> folds(series.size(), StepFold(grid, aggregation, lookback));
  TimeSpan span = grid.span();
  if (aggregation == Aggregation::rate) span.start_ms -= lookback;
  reader.read(series, base, span,
              {[&](std::size_t place, const SampleSlice& samples) { folds[place].add(samples); },
               [&](std::size_t place, Tier tier, const WindowColumn& windows) {
                 folds[place].add(windows, tier_step_ms(tier));
               }});
  Folded out;
  out.tier = reader.coarsest();
  out.rows.reserve(series.size());
  for (StepFold& one : folds) out.rows.push_back(one.finish());
  return out;
}

bool is_empty(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

}  // namespace

std::string Range::unit_of(const MetricOfHost& metric) const {
  for (const SeriesRecord& record : index_.find(metric.host, metric.name)) {
    if (record.def.name == metric.name) return record.def.unit;
  }
  for (const MetricMetadata& note : source_.metadata(metric.name)) return note.unit;
  return "";
}

std::variant<RangeAnswer, QueryFailure> Range::range(const RangeQuestion& question,
                                                     const QueryLimits& limits) const {
  if (auto problem = problem_of(question, limits)) return std::move(*problem);
  return within_limits<RangeAnswer>(limits, question.cancel, [&](Budget& budget) {
    const StepGrid grid = grid_of(question);
    RangeAnswer answer;
    answer.step_ms = grid.step_ms;
    answer.timestamps_ms.reserve(static_cast<std::size_t>(grid.steps));
    for (std::int64_t i = 0; i < grid.steps; ++i) {
      answer.timestamps_ms.push_back(grid.first_ms + i * grid.step_ms);
    }
    SpanReader reader(source_, budget);
    const auto series = reader.select(question.metric, grid.span());
    if (series.empty()) return answer;
    promql::Charge charge(budget);
    charge.add(series.size() * (static_cast<std::size_t>(grid.steps) * sizeof(double) + 256));
    const Aggregation aggregation = question.aggregation.value_or(
        series.front().kind == Kind::counter ? Aggregation::rate : Aggregation::avg);
    answer.unit = unit_of(question.metric) + (aggregation == Aggregation::rate ? "/s" : "");
    const Tier base = base_of(source_, grid, aggregation, series);
    Folded folded = fold(reader, series, base, grid, aggregation);
    answer.tier = folded.tier;
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (is_empty(folded.rows[i])) continue;
      answer.rows.push_back({without_name_and_host(*series[i].labels), std::move(folded.rows[i])});
    }
    std::sort(answer.rows.begin(), answer.rows.end(),
              [](const auto& a, const auto& b) { return a.labels < b.labels; });
    return answer;
  });
}

}  // namespace volta
