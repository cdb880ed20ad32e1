// Which rows belong together: computed once per set of rows, then applied to columns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "query/ast.hpp"
#include "query/key_numbers.hpp"
#include "query/series_matrix.hpp"

namespace volta::promql {

// Numbers label sets by the labels that a clause names (or leaves): equal sets, equal numbers.
class Signatures {
 public:
  // keep: only `labels` count; else all but these and the name.
  Signatures(Budget& budget, std::vector<std::string> labels, bool keep);
  std::uint32_t of(const RowLabels& row);
  std::vector<std::uint32_t> of_rows(const SeriesMatrix& matrix);
  [[nodiscard]] std::size_t size() const { return numbers_.size(); }
  // The labels that counted.
  [[nodiscard]] RowLabels counted(const RowLabels& row) const;

 private:
  [[nodiscard]] bool counts(std::string_view name) const;

  std::vector<std::string> labels_;  // sorted
  bool keep_;
  Budget& budget_;
  KeyNumbers numbers_;
  std::string key_;
};

}  // namespace volta::promql
