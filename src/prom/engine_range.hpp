// The page's questions (model/query.hpp) where another engine keeps the samples: each is one
// expression for it.
#pragma once

#include "model/query.hpp"
#include "model/store.hpp"
#include "prom/engine_query.hpp"

namespace volta {

// Thread-safe. Differs from volta's own answers where PromQL does: a rate is that of the last
// minute or of a step and 15 s, whichever is longer, since PromQL counts from no sample before the
// range; growth is increase(), which extrapolates to the range's ends and counts from zero after a
// drop.
class EngineRange final : public RangeQueries {
 public:
  // `index` tells units and kinds of hosts' metrics. Both must live longer.
  EngineRange(const QueryEngine& engine, const SeriesIndex& index)
      : engine_(engine), index_(index) {}

  [[nodiscard]] std::variant<RangeAnswer, QueryFailure> range(
      const RangeQuestion& question, const QueryLimits& limits) const override;
  [[nodiscard]] std::variant<std::vector<Growth>, QueryFailure> growth(
      const GrowthQuestion& question, const QueryLimits& limits) const override;

 private:
  const QueryEngine& engine_;
  const SeriesIndex& index_;
};

}  // namespace volta
