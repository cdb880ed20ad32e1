// PromQL over a SeriesSource: parses, checks the limits of a query, evaluates, shapes the answer.
#pragma once

#include "model/query_engine.hpp"

namespace volta {

// Thread-safe if its source is. A range query's rows are ordered by labels; an instant vector's
// too, unless the expression is one of sort..., topk or bottomk.
class PromqlEngine final : public QueryEngine {
 public:
  // `source` outlives it.
  explicit PromqlEngine(const SeriesSource& source) : source_(source) {}

  [[nodiscard]] QueryOutcome instant(const InstantQuery& query, const QueryLimits& limits,
                                     const std::atomic<bool>* cancel) const override;
  [[nodiscard]] QueryOutcome range(const RangeQuery& query, const QueryLimits& limits,
                                   const std::atomic<bool>* cancel) const override;
  [[nodiscard]] Result<std::string> format(std::string_view expression) const override;
  [[nodiscard]] Result<Matchers> selector(std::string_view text) const override;

 private:
  const SeriesSource& source_;
};

}  // namespace volta
