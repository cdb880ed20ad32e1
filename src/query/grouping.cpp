#include "query/grouping.hpp"

#include <algorithm>

namespace volta::promql {

Signatures::Signatures(Budget& budget, std::vector<std::string> labels, bool keep)
    : labels_(std::move(labels)), keep_(keep), budget_(budget), numbers_(budget) {
  std::sort(labels_.begin(), labels_.end());
  labels_.erase(std::unique(labels_.begin(), labels_.end()), labels_.end());
}

bool Signatures::counts(std::string_view name) const {
  const bool listed = std::binary_search(labels_.begin(), labels_.end(), name);
  return keep_ ? listed : !listed && name != kNameLabel;
}

std::uint32_t Signatures::of(const RowLabels& row) {
  key_.clear();
  if (keep_) {
    for (const std::string& label : labels_) {
      key_ += value_of(row, label);
      key_ += '\xff';
    }
  } else {
    row.each([&](const auto& label) {
      if (!counts(label.first)) return;
      key_ += label.first;
      key_ += '\xff';
      key_ += label.second;
      key_ += '\xfe';
    });
  }
  return static_cast<std::uint32_t>(numbers_.number_of(key_).first);
}

std::vector<std::uint32_t> Signatures::of_rows(const SeriesMatrix& matrix) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(matrix.rows());
  Pace pace(&budget_);
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    numbers.push_back(of(matrix.labels(r)));
    pace.spend(key_.size() + 64);
  }
  return numbers;
}

RowLabels Signatures::counted(const RowLabels& row) const {
  Labels labels;
  row.each([&](const auto& label) {
    if (counts(label.first)) labels.push_back(label);
  });
  return {charged_labels(budget_, std::move(labels)), false};
}

}  // namespace volta::promql
