// histogram_quantile over classic buckets (label `le`).
#pragma once

#include <vector>

#include "query/range_functions.hpp"
#include "query/series_matrix.hpp"

namespace volta::promql {

struct Bucket {
  double upper = 0;
  double count = 0;  // of all observations up to `upper`
};
// `buckets` ordered by `upper`; counts that fall are repaired. NaN without a bucket up to +Inf.
double bucket_quantile(double q, std::vector<Bucket>& buckets);

// Rows of one histogram, equal but for `le`, become one without it.
SeriesMatrix histogram_quantile(const ScalarColumn& q, const SeriesMatrix& matrix);

}  // namespace volta::promql
