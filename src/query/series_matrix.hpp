// The value of a sub-expression for all steps of a query at once: a row per series, a column per
// step. A step at which a series has no value holds kAbsent.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/time_series.hpp"
#include "query/budget.hpp"

namespace volta::promql {

// One quiet NaN among 2^51. Operands that are absent make results that are: the processor hands a
// NaN's bits on. A sample that has just these bits is not seen, which harms nobody.
inline constexpr std::uint64_t kAbsentBits = 0x7ffc'5a1d'0b5e'47e1;
inline constexpr double kAbsent = std::bit_cast<double>(kAbsentBits);
inline bool is_absent(double value) { return std::bit_cast<std::uint64_t>(value) == kAbsentBits; }
using LabelsPtr = std::shared_ptr<const Labels>;

// Labels of a row. The name is only marked as dropped, so that `sum by (a) (rate(x[5m]))` copies
// the labels of no series.
struct RowLabels {
  LabelsPtr all;  // never null
  bool nameless = false;

  template <typename Function>
  void each(const Function& function) const {
    for (const auto& label : *all) {
      if (!nameless || label.first != kNameLabel) function(label);
    }
  }
};
// Labels that the query makes itself: charged for as long as anybody holds them.
LabelsPtr charged_labels(Budget& budget, Labels labels);
LabelsPtr finished(Budget& budget, const RowLabels& row);
std::string_view value_of(const RowLabels& row, std::string_view name);  // "" if it is not there
// Equal for equal labels only.
void append_key(const RowLabels& row, std::string& out);
// {__name__="a", b="c"}, as Prometheus prints labels in errors.
std::string text_of(const Labels& labels);
const LabelsPtr& no_labels();

class SeriesMatrix {
 public:
  // No rows.
  SeriesMatrix(Budget& budget, std::size_t columns) : columns_(columns), charge_(budget) {}
  // Rows without labels, all absent.
  SeriesMatrix(Budget& budget, std::size_t rows, std::size_t columns);

  [[nodiscard]] std::size_t rows() const { return labels_.size(); }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] std::span<double> row(std::size_t index) {
    return std::span(values_).subspan(index * columns_, columns_);
  }
  [[nodiscard]] std::span<const double> row(std::size_t index) const {
    return std::span(values_).subspan(index * columns_, columns_);
  }
  [[nodiscard]] RowLabels& labels(std::size_t index) { return labels_[index]; }
  [[nodiscard]] const RowLabels& labels(std::size_t index) const { return labels_[index]; }
  // A new last row, all absent; invalidates rows handed out before.
  std::span<double> append(RowLabels labels);
  void append_copy(const SeriesMatrix& other, std::size_t index);
  [[nodiscard]] bool is_empty(std::size_t index) const;
  void drop_empty_rows();
  // The rows `order[0]`, `order[1]`, ...; each at most once.
  [[nodiscard]] SeriesMatrix picked(std::span<const std::size_t> order) const;
  // One column becomes `columns` equal ones.
  [[nodiscard]] SeriesMatrix repeated(std::size_t columns) &&;
  [[nodiscard]] Budget& budget() const { return charge_.budget(); }

  // No two rows are equal even without their names.
  [[nodiscard]] bool one_name() const { return one_name_; }
  void set_one_name(bool one_name) { one_name_ = one_name; }
  // The rows' order is part of the result (sort, topk).
  [[nodiscard]] bool ordered() const { return ordered_; }
  void set_ordered(bool ordered) { ordered_ = ordered; }

 private:
  bool one_name_ = false;
  bool ordered_ = false;
  std::size_t columns_;
  Charge charge_;
  std::size_t charged_values_ = 0;  // of `charge_`: what `values_` has room for
  std::vector<RowLabels> labels_;
  std::vector<double> values_;
};

// Two rows of equal labels become one where no step has both, else Stop. `strict`: Stop as soon as
// both have any value. Prometheus is strict where it evaluates row by row: functions of ranges,
// unary minus, label_replace.
SeriesMatrix merge_equal_rows(SeriesMatrix matrix, bool strict);
// Takes the name of all rows, then as above.
SeriesMatrix without_names(SeriesMatrix matrix, bool strict);

}  // namespace volta::promql
