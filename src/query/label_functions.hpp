// Functions that change or order by labels: label_replace, label_join, sort_by_label, sort.
#pragma once

#include <span>
#include <string>

#include "query/series_matrix.hpp"

namespace volta::promql {

struct LabelReplacement {
  std::string destination, replacement, source, regex;
};
// All throw Stop for names that cannot be labels, and where two rows become equal.
SeriesMatrix label_replace(SeriesMatrix matrix, const LabelReplacement& what);
struct LabelJoin {
  std::string destination, separator;
  std::vector<std::string> sources;
};
SeriesMatrix label_join(SeriesMatrix matrix, const LabelJoin& what);

// By the value of the only step; NaN last. As it is where there are several steps.
SeriesMatrix sorted_by_value(SeriesMatrix matrix, bool descending);
// By the labels' values, runs of digits as numbers, then by all labels.
SeriesMatrix sorted_by_labels(SeriesMatrix matrix, std::span<const std::string> names,
                              bool descending);
// -1, 0, 1: "a9" is before "a10".
int natural_compare(std::string_view a, std::string_view b);
// One row's labels with one of them set, or taken away where `value` is empty.
RowLabels with_label(Budget& budget, const RowLabels& row, const std::string& name,
                     std::string_view value);

}  // namespace volta::promql
