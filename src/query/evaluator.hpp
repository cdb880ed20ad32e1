// Evaluates a checked tree column by column: each sub-expression yields its values for all steps at
// once, sub-expressions that are the same at every step are evaluated once, and the samples of a
// series are dropped as soon as its row is computed.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <unordered_set>

#include "query/ast.hpp"
#include "query/grid.hpp"
#include "query/helpers.hpp"
#include "query/range_functions.hpp"
#include "query/series_matrix.hpp"
#include "query/tier_functions.hpp"

namespace volta::promql {

// What an evaluation stands on; all of it outlives it.
struct EvaluatorParts {
  const SeriesSource& source;
  Budget& budget;
  Helpers& helpers;
};

// For one query. Series are read and computed in parts, on other threads where cores are idle; all
// else happens on the thread that asks. All that evaluates throws Stop. Source, budget and tree
// outlive it. It recurses as deep as the tree is high: kMostTreeLevels.
class Evaluator {
 public:
  // `query`: what @ start() and @ end() mean.
  Evaluator(const EvaluatorParts& parts, TimeSpan query)
      : source_(parts.source), budget_(parts.budget), helpers_(parts.helpers), query_(query) {}

  // A scalar (one row without labels) or an instant vector, with a column per step.
  SeriesMatrix evaluate(const Expr& expression, const Grid& grid);
  // Of a range vector what an instant query answers: its samples.
  std::vector<MatrixValue::Row> samples_of(const Expr& expression, std::int64_t time_ms);
  [[nodiscard]] Tier coarsest() const { return coarsest_; }

 private:
  // As evaluate, but with one column where the value is the same at all steps.
  SeriesMatrix folded(const Expr& expression, const Grid& grid);
  SeriesMatrix dispatch(const Expr& expression, const Grid& grid);
  [[nodiscard]] bool is_constant(const Expr& expression) const;

  SeriesMatrix unary(const Unary& node, const Grid& grid);
  SeriesMatrix binary(const Binary& node, const Grid& grid);
  SeriesMatrix aggregation(const Aggregate& node, const Grid& grid);

  // calls.cpp
  SeriesMatrix call(const Call& node, const Grid& grid);
  SeriesMatrix label_call(const Call& node, const Grid& grid);
  SeriesMatrix absent_call(const Call& node, const Grid& grid);
  SeriesMatrix value_call(const Call& node, const Grid& grid);
  SeriesMatrix timestamp_call(const Call& node, const Grid& grid);
  // A call's scalar arguments; `held` keeps their values alive.
  std::vector<ScalarColumn> scalars(const Call& node, const Grid& grid,
                                    std::vector<SeriesMatrix>& held);

  // selector_eval.cpp
  enum class Shows : std::uint8_t { value, time };
  SeriesMatrix vector_selector(const VectorSelector& node, const Grid& grid, Shows shows);
  SeriesMatrix range_call(FunctionId function, const Expr& range, const Grid& grid,
                          std::span<const ScalarColumn> parameters);
  SeriesMatrix over_selector(FunctionId function, const MatrixSelector& node, const Grid& grid,
                             std::span<const ScalarColumn> parameters);
  SeriesMatrix over_subquery(FunctionId function, const Subquery& node, const Grid& grid,
                             std::span<const ScalarColumn> parameters);
  // Of a subquery the values that any step's window sees; `at` is their grid. Empty: none.
  SeriesMatrix subquery_values(const Subquery& node, const WindowTimes& windows, Grid& at);
  [[nodiscard]] WindowTimes windows_of(const TimeModifier& time, std::int64_t range_ms,
                                       const Grid& grid) const;
  std::vector<QuerySeries> select(const VectorSelector& node, TimeSpan span);
  // Calls visit(index, samples) for each series; where samples are gone, with what stands for them,
  // of which all is read before the first is shown.
  using VisitSeries = std::function<void(std::size_t, const SampleSlice&)>;
  void read(std::span<const QuerySeries> series, TimeSpan span, const VisitSeries& visit);
  void read_raw(std::span<const QuerySeries> series, TimeSpan span, const VisitSeries& visit);
  using VisitColumn = std::function<void(std::size_t, const WindowColumn&)>;
  void read_tier(std::span<const QuerySeries> series, const WindowsAsked& asked,
                 const VisitColumn& visit);
  // How a function's rows are filled. `make_from_samples` is called once for each part of them, so
  // that what it makes may keep scratch space.
  using FromWindows = std::function<bool(const TierInput&, std::span<double>)>;
  using FromSamples =
      std::function<void(const SampleSlice&, const WindowTimes&, std::span<double>)>;
  struct Fill {
    FunctionId function;
    FromWindows from_windows;
    std::function<FromSamples()> make_from_samples;
  };
  // Fills the rows of `out`: from windows where a tier answers the function exactly, else from
  // samples and what stands for them.
  void fill_rows(std::span<const QuerySeries> series, const WindowTimes& windows, const Fill& fill,
                 SeriesMatrix& out);
  // The rows that remain for samples.
  std::vector<std::size_t> fill_from_tier(std::span<const QuerySeries> series, Tier tier,
                                          const WindowTimes& windows, const Fill& fill,
                                          SeriesMatrix& out);
  // These rows, as many steps of them as `windows` has.
  void fill_from_samples(std::span<const QuerySeries> series, std::span<const std::size_t> rows,
                         const WindowTimes& windows, const Fill& fill, SeriesMatrix& out);
  // Calls work(rows) for parts that make up `rows`: one part, or as many as can be
  // worked on at once where `weight`, about the values to be read and made for a row, says that it
  // is worth while.
  using PartWork = std::function<void(std::span<const std::size_t>)>;
  void in_parts(std::span<const QuerySeries> series, std::vector<std::size_t> rows,
                std::size_t weight, const PartWork& work);
  // A row for each series, with its labels.
  SeriesMatrix rows_for(const VectorSelector& node, std::span<const QuerySeries> series,
                        const Grid& grid);

  const SeriesSource& source_;
  Budget& budget_;
  Helpers& helpers_;
  TimeSpan query_;
  std::atomic<Tier> coarsest_{Tier::raw};
};

// Without the parentheses around it.
const Expr& inside(const Expr& expression);

}  // namespace volta::promql
