#include "query/label_functions.hpp"

#include <algorithm>
#include <numeric>

#include <re2/re2.h>

#include "model/names.hpp"
#include "model/regex_template.hpp"
#include "query/numeric.hpp"

namespace volta::promql {
namespace {

// A label this long is of no use to anybody; a short expression can make it out of `$1$1$1...`.
constexpr std::size_t kMostLabelBytes = std::size_t{64} << 10U;
constexpr std::int64_t kMostReplaceRegexBytes = 1 << 20;

std::size_t digits_at(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  return end - begin;
}

// Numbers of any length, by value.
int compare_digits(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  const int order = a.compare(b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

SeriesMatrix in_order(SeriesMatrix matrix, const std::vector<std::size_t>& order) {
  SeriesMatrix out = matrix.picked(order);
  out.set_ordered(true);
  return out;
}

}  // namespace

RowLabels with_label(Budget& budget, const RowLabels& row, const std::string& name,
                     std::string_view value) {
  Labels labels;
  labels.reserve(row.all->size() + 1);
  row.each([&](const auto& label) {
    if (label.first != name) labels.push_back(label);
  });
  if (!value.empty()) {
    std::pair<std::string, std::string> added(name, value);
    labels.insert(std::lower_bound(labels.begin(), labels.end(), added), std::move(added));
  }
  return {charged_labels(budget, std::move(labels)), false};
}

SeriesMatrix label_replace(SeriesMatrix matrix, const LabelReplacement& what) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(kMostReplaceRegexBytes);
  const re2::RE2 regex(what.regex, options);
  if (!regex.ok()) throw Stop("invalid regular expression in label_replace(): " + what.regex);
  if (!is_label_name(what.destination)) {
    throw Stop("invalid destination label name in label_replace(): " + what.destination);
  }
  const RegexTemplate replacement(what.replacement, regex);
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) +
                                       1);
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    if (r % 64 == 0) matrix.budget().check();
    const std::string_view source = value_of(matrix.labels(r), what.source);
    const re2::StringPiece text(source.data(), source.size());
    if (!regex.Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, groups.data(),
                     static_cast<int>(groups.size()))) {
      continue;
    }
    const auto made = replacement.expand(groups, kMostLabelBytes);
    if (!made) {
      throw Stop("label_replace() makes a label of more than 64 KiB; shorten its replacement");
    }
    matrix.labels(r) = with_label(matrix.budget(), matrix.labels(r), what.destination, *made);
  }
  matrix.set_one_name(false);
  return merge_equal_rows(std::move(matrix), true);
}

SeriesMatrix label_join(SeriesMatrix matrix, const LabelJoin& what) {
  for (const std::string& source : what.sources) {
    if (!is_label_name(source)) {
      throw Stop("invalid source label name in label_join(): " + source);
    }
  }
  if (!is_label_name(what.destination)) {
    throw Stop("invalid destination label name in label_join(): " + what.destination);
  }
  std::string joined;
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    if (r % 64 == 0) matrix.budget().check();
    joined.clear();
    for (std::size_t i = 0; i < what.sources.size(); ++i) {
      if (i > 0) joined += what.separator;
      joined += value_of(matrix.labels(r), what.sources[i]);
      if (joined.size() > kMostLabelBytes) {
        throw Stop("label_join() makes a label of more than 64 KiB; join fewer labels");
      }
    }
    matrix.labels(r) = with_label(matrix.budget(), matrix.labels(r), what.destination, joined);
  }
  matrix.set_one_name(false);
  return merge_equal_rows(std::move(matrix), true);
}

SeriesMatrix sorted_by_value(SeriesMatrix matrix, bool descending) {
  if (matrix.columns() != 1) return matrix;
  std::vector<std::size_t> order(matrix.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double x = matrix.row(a)[0];
    const double y = matrix.row(b)[0];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return descending ? x > y : x < y;
  });
  return in_order(std::move(matrix), order);
}

int natural_compare(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    const std::size_t a_digits = digits_at(a, i);
    const std::size_t b_digits = digits_at(b, j);
    if (a_digits > 0 && b_digits > 0) {
      const int order = compare_digits(a.substr(i, a_digits), b.substr(j, b_digits));
      if (order != 0) return order;
      i += a_digits;
      j += b_digits;
      continue;
    }
    if (a[i] != b[j]) {
      return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]) ? -1 : 1;
    }
    ++i;
    ++j;
  }
  if (i < a.size()) return 1;
  return j < b.size() ? -1 : 0;
}

SeriesMatrix sorted_by_labels(SeriesMatrix matrix, std::span<const std::string> names,
                              bool descending) {
  if (matrix.columns() != 1) return matrix;
  std::vector<LabelsPtr> labels;
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    labels.push_back(finished(matrix.budget(), matrix.labels(r)));
  }
  std::vector<std::size_t> order(matrix.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    for (const std::string& name : names) {
      const int by_label =
          natural_compare(label_value(*labels[a], name), label_value(*labels[b], name));
      if (by_label != 0) return (by_label < 0) != descending;
    }
    return descending ? *labels[b] < *labels[a] : *labels[a] < *labels[b];
  });
  return in_order(std::move(matrix), order);
}

}  // namespace volta::promql
