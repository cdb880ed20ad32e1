// The page's questions (model/query.hpp) where another engine keeps the samples: each is one
// expression for it.
#pragma once

#include <map>

#include "model/query.hpp"
#include "model/store.hpp"
#include "prom/engine_query.hpp"

namespace volta {

// Thread-safe. Differs from volta's own answers where PromQL does: a rate is that of the last
// minute or of a step and 15 s, whichever is longer, since PromQL counts from no sample before the
// range; growth is increase(), which extrapolates to the range's ends and counts from zero after a
// drop. A range that is too much at once for the engine is asked for in parts; where a part is,
// too, the answer is the engine's failure, and never less than was asked for.
class EngineRange final : public RangeQueries {
 public:
  // `index` tells units and kinds of hosts' metrics, and the catalogue of those that it lacks. Both
  // must live longer.
  EngineRange(const QueryEngine& engine, const SeriesIndex& index)
      : engine_(engine), index_(index) {}

  [[nodiscard]] std::variant<RangeAnswer, QueryFailure> range(
      const RangeQuestion& question, const QueryLimits& limits) const override;
  [[nodiscard]] std::variant<std::vector<Growth>, QueryFailure> growth(
      const GrowthQuestion& question, const QueryLimits& limits) const override;

 private:
  [[nodiscard]] SeriesDef series_asked(const MetricOfHost& metric) const;

  struct StepsAsked {
    std::string expression;
    std::int64_t first_ms;
    std::int64_t step_ms;
    const std::atomic<bool>* cancel;
    const QueryLimits& limits;
    std::chrono::nanoseconds until;  // of the monotonic clock
  };
  struct StepSpan {
    std::size_t first;
    std::size_t count;  // > 0
  };
  using Rows = std::map<Labels, std::vector<double>>;  // a value for each step of the range
  std::optional<QueryFailure> ask_steps(const StepsAsked& asked, StepSpan span, std::size_t steps,
                                        Rows& rows) const;

  const QueryEngine& engine_;
  const SeriesIndex& index_;
};

}  // namespace volta
