#include "query/series_matrix.hpp"

#include <algorithm>
#include <unordered_map>

namespace volta::promql {
namespace {

// A row's share of memory besides its values: its labels, mostly shared, and its place in maps.
constexpr std::size_t kBytesPerRow = 160;

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

// Adds `from` to `into`; false: both have a value at some step.
bool join_rows(std::span<const double> from, std::span<double> into) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (is_absent(from[i])) continue;
    if (!is_absent(into[i])) return false;
    into[i] = from[i];
  }
  return true;
}

}  // namespace

LabelsPtr finished(const RowLabels& row) {
  if (!row.nameless || label_value(*row.all, kNameLabel).empty()) return row.all;
  auto labels = std::make_shared<Labels>();
  labels->reserve(row.all->size());
  row.each([&](const auto& label) { labels->push_back(label); });
  return labels;
}

std::string_view value_of(const RowLabels& row, std::string_view name) {
  if (row.nameless && name == kNameLabel) return {};
  return label_value(*row.all, name);
}

void append_key(const RowLabels& row, std::string& out) {
  row.each([&](const auto& label) {
    out += label.first;
    out += '\xff';
    out += label.second;
    out += '\xfe';
  });
}

std::string text_of(const Labels& labels) {
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    if (out.size() > 1) out += ", ";
    out += name;
    out += '=';
    append_quoted(value, out);
  }
  return out + "}";
}

const LabelsPtr& no_labels() {
  static const LabelsPtr empty = std::make_shared<const Labels>();
  return empty;
}

SeriesMatrix::SeriesMatrix(Budget& budget, std::size_t rows, std::size_t columns)
    : columns_(columns), charge_(budget) {
  charge_.add(rows * (columns * sizeof(double) + kBytesPerRow));
  labels_.resize(rows, RowLabels{no_labels(), false});
  values_.resize(rows * columns, kAbsent);
}

std::span<double> SeriesMatrix::append(RowLabels labels) {
  charge_.add(columns_ * sizeof(double) + kBytesPerRow);
  labels_.push_back(std::move(labels));
  values_.resize(values_.size() + columns_, kAbsent);
  return row(rows() - 1);
}

void SeriesMatrix::append_copy(const SeriesMatrix& other, std::size_t index) {
  const auto to = append(other.labels(index));
  const auto from = other.row(index);
  std::copy(from.begin(), from.end(), to.begin());
}

bool SeriesMatrix::is_empty(std::size_t index) const {
  const auto values = row(index);
  return std::all_of(values.begin(), values.end(), is_absent);
}

void SeriesMatrix::drop_empty_rows() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows(); ++i) {
    if (is_empty(i)) continue;
    if (kept != i) {
      const auto from = row(i);
      std::copy(from.begin(), from.end(), row(kept).begin());
      labels_[kept] = std::move(labels_[i]);
    }
    ++kept;
  }
  labels_.resize(kept);
  values_.resize(kept * columns_);
}

SeriesMatrix SeriesMatrix::picked(std::span<const std::size_t> order) const {
  SeriesMatrix out(budget(), columns_);
  out.set_one_name(one_name_);
  out.values_.reserve(order.size() * columns_);
  for (const std::size_t index : order) out.append_copy(*this, index);
  return out;
}

SeriesMatrix SeriesMatrix::repeated(std::size_t columns) && {
  if (columns == columns_) return std::move(*this);
  SeriesMatrix out(budget(), rows(), columns);
  for (std::size_t i = 0; i < rows(); ++i) {
    out.labels(i) = std::move(labels_[i]);
    std::fill_n(out.row(i).begin(), columns, values_[i]);
  }
  out.set_one_name(one_name_);
  out.set_ordered(ordered_);
  return out;
}

SeriesMatrix merge_equal_rows(SeriesMatrix matrix, bool strict) {
  std::unordered_map<std::string, std::size_t> first;
  first.reserve(matrix.rows());
  std::string key;
  bool merged = false;
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    key.clear();
    append_key(matrix.labels(i), key);
    const auto [found, is_new] = first.try_emplace(key, i);
    if (is_new) continue;
    merged = true;
    const bool both = !matrix.is_empty(i) && !matrix.is_empty(found->second);
    if ((strict && both) || !join_rows(matrix.row(i), matrix.row(found->second))) {
      throw Stop("vector cannot contain metrics with the same labelset");
    }
    std::fill(matrix.row(i).begin(), matrix.row(i).end(), kAbsent);
  }
  if (merged) matrix.drop_empty_rows();
  return matrix;
}

SeriesMatrix without_names(SeriesMatrix matrix, bool strict) {
  for (std::size_t i = 0; i < matrix.rows(); ++i) matrix.labels(i).nameless = true;
  if (matrix.one_name()) return matrix;
  SeriesMatrix merged = merge_equal_rows(std::move(matrix), strict);
  merged.set_one_name(true);
  return merged;
}

}  // namespace volta::promql
