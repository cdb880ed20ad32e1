// Questions about one metric of a host (model/query.hpp), answered from the same tiers as PromQL's
// queries, so that a month costs what an hour costs. Knows no SQL and no HTTP.
#pragma once

#include "model/query.hpp"

namespace volta {

// Thread-safe. Source and index must outlive it; the index tells units.
class Range final : public RangeQueries {
 public:
  Range(const SeriesIndex& index, const SeriesSource& source) : index_(index), source_(source) {}
  [[nodiscard]] std::variant<RangeAnswer, QueryFailure> range(
      const RangeQuestion& question, const QueryLimits& limits) const override;
  [[nodiscard]] std::variant<std::vector<Growth>, QueryFailure> growth(
      const GrowthQuestion& question, const QueryLimits& limits) const override;

 private:
  [[nodiscard]] std::string unit_of(const MetricOfHost& metric) const;

  const SeriesIndex& index_;
  const SeriesSource& source_;
};

}  // namespace volta
