// Functions of instant vectors that look at one value at a time, and those that make a scalar of a
// vector or a vector of nothing. Names of metrics are dropped by the caller.
#pragma once

#include <span>

#include "query/function_table.hpp"
#include "query/grid.hpp"
#include "query/range_functions.hpp"
#include "query/series_matrix.hpp"

namespace volta::promql {

// abs, round, clamp, sin, hour ...: each value by itself. `parameters`: the scalar arguments as
// written.
void map_function(FunctionId function, std::span<const ScalarColumn> parameters,
                  SeriesMatrix& matrix);
// The value of the only series of each step, NaN where there is none or several.
SeriesMatrix scalar_of(const SeriesMatrix& matrix);
// 1 with `labels` at each step without any value.
SeriesMatrix absent_of(const SeriesMatrix& matrix, const LabelsPtr& labels);
// Labels that absent(selector) gives: those that must equal something, once each.
LabelsPtr absent_labels(std::span<const LabelMatcher> matchers);
// One row of the seconds of each step.
SeriesMatrix times_of(Budget& budget, const Grid& grid);

}  // namespace volta::promql
