// Operators between scalars and vectors.
#pragma once

#include "query/ast.hpp"
#include "query/series_matrix.hpp"

namespace volta::promql {

// One side is a scalar (one row; it may have one column where the other has many), or both are.
// `vector_left`/`vector_right`: which one is a vector.
SeriesMatrix scalar_binary(const Binary& clause, SeriesMatrix left, SeriesMatrix right,
                           bool vector_left, bool vector_right);
// Both are vectors of as many columns. Throws Stop for matches that are not one-to-one where they
// must be.
SeriesMatrix vector_binary(const Binary& clause, SeriesMatrix left, SeriesMatrix right);

}  // namespace volta::promql
