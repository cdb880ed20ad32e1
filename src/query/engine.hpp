// PromQL over a SeriesSource: parses, checks the limits of a query, evaluates, shapes the answer.
#pragma once

#include "model/query_engine.hpp"
#include "query/helpers.hpp"

namespace volta {

// The cores that this process may run on, as far as queries gain from more.
unsigned usable_cores();

// Thread-safe if its source is. A large query is evaluated on as many threads as cores are idle, of
// which it is one; what it answers does not depend on that. A range query's rows are ordered by
// labels; an instant vector's too, unless the expression is one of sort..., topk or bottomk.
class PromqlEngine final : public QueryEngine {
 public:
  // `source` outlives it. `cores`: what all queries together may use.
  explicit PromqlEngine(const SeriesSource& source, unsigned cores = usable_cores())
      : source_(source), helpers_(cores) {}

  [[nodiscard]] QueryOutcome instant(const InstantQuery& query, const QueryLimits& limits,
                                     const std::atomic<bool>* cancel) const override;
  [[nodiscard]] QueryOutcome range(const RangeQuery& query, const QueryLimits& limits,
                                   const std::atomic<bool>* cancel) const override;
  [[nodiscard]] Result<std::string> format(std::string_view expression) const override;
  [[nodiscard]] Result<Matchers> selector(std::string_view text) const override;

 private:
  const SeriesSource& source_;
  mutable promql::Helpers helpers_;  // locks itself
};

}  // namespace volta
