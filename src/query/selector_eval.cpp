// Selectors, range functions over them, and subqueries.
#include <algorithm>

#include "base/steps.hpp"
#include "query/answer_weight.hpp"
#include "query/evaluator.hpp"
#include "query/numeric.hpp"
#include "query/tier_choice.hpp"

namespace volta::promql {
namespace {

bool has_one_name(const VectorSelector& node) {
  return std::any_of(node.matchers.begin(), node.matchers.end(), [](const LabelMatcher& matcher) {
    return matcher.op() == MatchOp::equal && matcher.name() == kNameLabel;
  });
}

bool keeps_name(FunctionId function) {
  return function == FunctionId::last_over_time || function == FunctionId::first_over_time;
}

// Samples without stale markers; copies only where there are any.
class Living {
 public:
  explicit Living(Budget& budget) : times_(&budget), values_(&budget) {}
  SampleSlice of(const SampleSlice& all) {
    if (all.known.no_nan || !has_nan(all.values) ||
        std::none_of(all.values.begin(), all.values.end(), is_stale_marker)) {
      return all;
    }
    times_.clear();
    values_.clear();
    for (std::size_t i = 0; i < all.values.size(); ++i) {
      if (is_stale_marker(all.values[i])) continue;
      times_.push_back(all.times_ms[i]);
      values_.push_back(all.values[i]);
    }
    return {times_.span(), values_.span()};
  }

 private:
  ChargedVector<std::int64_t> times_;
  ChargedVector<double> values_;
};

// What an instant selector shows: of each step the last sample within the lookback, unless that is
// a stale marker.
void fill_instants(const SampleSlice& samples, const WindowTimes& windows, bool shows_time,
                   std::span<double> out) {
  const auto times = samples.times_ms;
  const auto values = samples.values;
  std::size_t next = 0;
  for (std::size_t step = 0; step < out.size(); ++step) {
    const std::int64_t end_ms = windows.end(step);
    while (next < times.size() && times[next] <= end_ms) ++next;
    if (next == 0 || times[next - 1] <= end_ms - windows.range_ms) continue;
    if (is_stale_marker(values[next - 1])) continue;
    out[step] = shows_time ? static_cast<double>(times[next - 1]) / 1000 : values[next - 1];
  }
}

void check_time(std::int64_t ms) {
  if (!in_reach(ms)) throw Stop("a time or duration of the query is out of range");
}

}  // namespace

WindowTimes Evaluator::windows_of(const TimeModifier& time, std::int64_t range_ms,
                                  const Grid& grid) const {
  WindowTimes windows{grid, time.at != TimeModifier::At::none, time.at_ms, time.offset_ms,
                      range_ms};
  if (time.at == TimeModifier::At::start) windows.fixed_ms = query_.start_ms;
  if (time.at == TimeModifier::At::end) windows.fixed_ms = query_.end_ms;
  check_time(windows.fixed_ms);
  check_time(windows.offset_ms);
  check_time(range_ms);
  return windows;
}

std::vector<QuerySeries> Evaluator::select(const VectorSelector& node, TimeSpan span) {
  budget_.check();
  auto series = source_.select(node.matchers, span, budget_.limits().most_series);
  if (!series) throw Stop(series.error().text);
  return std::move(*series);
}

SeriesMatrix Evaluator::rows_for(const VectorSelector& node, std::span<const QuerySeries> series,
                                 const Grid& grid) {
  SeriesMatrix out(budget_, series.size(), grid.steps);
  out.set_one_name(has_one_name(node));
  for (std::size_t r = 0; r < series.size(); ++r) out.labels(r).all = series[r].labels;
  return out;
}

SeriesMatrix Evaluator::vector_selector(const VectorSelector& node, const Grid& grid, Shows shows) {
  const WindowTimes windows = windows_of(node.time, budget_.limits().lookback.count(), grid);
  const std::vector<QuerySeries> series = select(node, windows.span());
  SeriesMatrix out = rows_for(node, series, grid);
  const bool shows_time = shows == Shows::time;
  Fill fill{FunctionId::last_over_time, {}, {}};
  fill.from_windows = [&](const TierInput& input, std::span<double> row) {
    return instants_of_windows(input, shows_time, row);
  };
  fill.make_from_samples = [&] {
    return [&](const SampleSlice& samples, const WindowTimes& seen, std::span<double> row) {
      fill_instants(samples, seen, shows_time, row);
    };
  };
  fill_rows(series, windows, fill, out);
  out.drop_empty_rows();
  return out;
}

SeriesMatrix Evaluator::range_call(FunctionId function, const Expr& range, const Grid& grid,
                                   std::span<const ScalarColumn> parameters) {
  const Expr& inner = inside(range);
  const auto* selector = std::get_if<MatrixSelector>(&inner.node);
  SeriesMatrix out = selector != nullptr ? over_selector(function, *selector, grid, parameters)
                                         : over_subquery(function, std::get<Subquery>(inner.node),
                                                         grid, parameters);
  out.drop_empty_rows();
  out.set_ordered(false);
  if (keeps_name(function)) return out;
  return without_names(std::move(out), true);
}

SeriesMatrix Evaluator::over_selector(FunctionId function, const MatrixSelector& node,
                                      const Grid& grid, std::span<const ScalarColumn> parameters) {
  const WindowTimes windows = windows_of(node.selector.time, node.range_ms, grid);
  const std::vector<QuerySeries> series = select(node.selector, windows.span());
  SeriesMatrix out = rows_for(node.selector, series, grid);
  Fill fill{function, {}, {}};
  fill.from_windows = [&](const TierInput& input, std::span<double> row) {
    return function_of_windows(function, input, row);
  };
  fill.make_from_samples = [&] {
    return [&, living = std::make_shared<Living>(budget_)](
               const SampleSlice& samples, const WindowTimes& seen, std::span<double> row) {
      range_function(function, {living->of(samples), seen, parameters, &budget_}, row);
    };
  };
  fill_rows(series, windows, fill, out);
  return out;
}

SeriesMatrix Evaluator::subquery_values(const Subquery& node, const WindowTimes& windows,
                                        Grid& at) {
  const std::int64_t step_ms =
      node.step_ms > 0 ? node.step_ms : std::int64_t{60'000};  // the default resolution
  const TimeSpan span = windows.span();
  // The first multiple of the step inside the left-open window.
  const std::int64_t start_ms = floor_to_step(span.start_ms - 1, step_ms) + step_ms;
  if (start_ms > span.end_ms) return {budget_, 1};
  at = {start_ms, step_ms, static_cast<std::size_t>((span.end_ms - start_ms) / step_ms) + 1};
  if (at.steps > budget_.limits().most_bytes / sizeof(double)) {
    throw Stop("a subquery has " + std::to_string(at.steps) +
               " steps; narrow it: a shorter range or a longer resolution");
  }
  return evaluate(*node.inner, at);
}

SeriesMatrix Evaluator::over_subquery(FunctionId function, const Subquery& node, const Grid& grid,
                                      std::span<const ScalarColumn> parameters) {
  const WindowTimes windows = windows_of(node.time, node.range_ms, grid);
  Grid at;
  const SeriesMatrix inner = subquery_values(node, windows, at);
  SeriesMatrix out(budget_, inner.rows(), grid.steps);
  out.set_one_name(inner.one_name());
  ChargedVector<std::int64_t> times(&budget_);
  ChargedVector<double> values(&budget_);
  times.reserve(inner.columns());
  values.reserve(inner.columns());
  for (std::size_t r = 0; r < inner.rows(); ++r) {
    budget_.check();
    times.clear();
    values.clear();
    const auto row = inner.row(r);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (is_absent(row[i])) continue;
      times.push_back(at.time(i));
      values.push_back(row[i]);
    }
    out.labels(r) = inner.labels(r);
    range_function(function, {{times.span(), values.span()}, windows, parameters, &budget_},
                   out.row(r));
  }
  return out;
}

std::vector<MatrixValue::Row> Evaluator::samples_of(const Expr& expression, std::int64_t time_ms) {
  std::vector<MatrixValue::Row> rows;
  const Expr& inner = inside(expression);
  const Grid grid{time_ms, 1, 1};
  const auto add = [&](LabelsPtr labels, const SampleSlice& samples) {
    if (samples.times_ms.empty()) return;
    budget_.take_bytes(samples.times_ms.size() * kBytesPerPoint + weight_of_labels(*labels));
    rows.push_back({std::move(labels),
                    {samples.times_ms.begin(), samples.times_ms.end()},
                    {samples.values.begin(), samples.values.end()}});
  };
  if (const auto* node = std::get_if<MatrixSelector>(&inner.node)) {
    const TimeSpan span = windows_of(node->selector.time, node->range_ms, grid).span();
    const std::vector<QuerySeries> series = select(node->selector, span);
    Living living(budget_);
    read(series, span, [&](std::size_t r, const SampleSlice& samples) {
      add(series[r].labels, living.of(samples));
    });
    return rows;
  }
  const auto& node = std::get<Subquery>(inner.node);
  Grid at;
  const SeriesMatrix values = subquery_values(node, windows_of(node.time, node.range_ms, grid), at);
  for (std::size_t r = 0; r < values.rows(); ++r) {
    ChargedVector<std::int64_t> times(&budget_);
    ChargedVector<double> present(&budget_);
    for (std::size_t i = 0; i < values.columns(); ++i) {
      if (is_absent(values.row(r)[i])) continue;
      times.push_back(at.time(i));
      present.push_back(values.row(r)[i]);
    }
    add(finished(budget_, values.labels(r)), {times.span(), present.span()});
  }
  return rows;
}

}  // namespace volta::promql
