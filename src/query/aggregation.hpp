// sum, topk, count_values and the rest over groups of rows.
#pragma once

#include <string>

#include "query/ast.hpp"
#include "query/range_functions.hpp"
#include "query/series_matrix.hpp"

namespace volta::promql {

struct AggregationInput {
  const Aggregate& clause;
  ScalarColumn parameter;  // of topk, bottomk, quantile, limitk, limit_ratio
  std::string text;        // of count_values
};
SeriesMatrix aggregate(const AggregationInput& input, SeriesMatrix matrix);

// As a label's value: shortest decimal without exponent, NaN, +Inf, -Inf.
std::string label_of_number(double value);

}  // namespace volta::promql
