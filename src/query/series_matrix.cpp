#include "query/series_matrix.hpp"

#include <algorithm>

#include "query/key_numbers.hpp"

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

LabelsPtr charged_labels(Budget& budget, Labels labels) {
  struct Held {
    Labels labels;
    Budget::Ledger ledger;
    std::size_t bytes;

    Held(Labels made, Budget::Ledger kept, std::size_t size)
        : labels(std::move(made)), ledger(std::move(kept)), bytes(size) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { ledger->fetch_sub(bytes); }
  };
  std::size_t bytes = sizeof(Held) + 32;
  for (const auto& [name, value] : labels) bytes += sizeof labels[0] + name.size() + value.size();
  budget.take_bytes(bytes);
  auto held = std::make_shared<Held>(std::move(labels), budget.ledger(), bytes);
  const Labels* all = &held->labels;
  return {std::move(held), all};
}

LabelsPtr finished(Budget& budget, const RowLabels& row) {
  if (!row.nameless || label_value(*row.all, kNameLabel).empty()) return row.all;
  Labels labels;
  labels.reserve(row.all->size());
  row.each([&](const auto& label) { labels.push_back(label); });
  return charged_labels(budget, std::move(labels));
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
  charged_values_ = rows * columns * sizeof(double);
  charge_.add(charged_values_ + rows * kBytesPerRow);
  labels_.resize(rows, RowLabels{no_labels(), false});
  values_.resize(rows * columns, kAbsent);
}

std::span<double> SeriesMatrix::append(RowLabels labels) {
  if (values_.size() + columns_ > values_.capacity()) {
    const std::size_t room = std::max<std::size_t>(4, 2 * rows()) * columns_;
    charge_.add(room * sizeof(double));
    values_.reserve(room);
    charge_.give_back(std::exchange(charged_values_, room * sizeof(double)));
  }
  charge_.add(kBytesPerRow);
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
  SeriesMatrix out(budget(), order.size(), columns_);
  out.set_one_name(one_name_);
  for (std::size_t i = 0; i < order.size(); ++i) {
    out.labels(i) = labels(order[i]);
    std::copy_n(row(order[i]).begin(), columns_, out.row(i).begin());
  }
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
  KeyNumbers numbers(matrix.budget());
  ChargedVector<std::size_t> first(&matrix.budget());  // the row of each key
  Pace pace(&matrix.budget());
  std::string key;
  bool merged = false;
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    key.clear();
    append_key(matrix.labels(i), key);
    pace.spend(key.size());
    const auto [number, is_new] = numbers.number_of(key);
    if (is_new) {
      first.push_back(i);
      continue;
    }
    merged = true;
    pace.spend(matrix.columns());
    const std::size_t earlier = first[number];
    const bool both = !matrix.is_empty(i) && !matrix.is_empty(earlier);
    if ((strict && both) || !join_rows(matrix.row(i), matrix.row(earlier))) {
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
