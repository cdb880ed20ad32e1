#include "prom/label_rules.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "model/time_series.hpp"

namespace volta {
namespace {

// 1: may begin a label name, 2: may stand in one, 4 and 8: the same of a metric name.
constexpr std::array<std::uint8_t, 256> kNameBytes = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = 15;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = 15;
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = 10;
  table['_'] = 15;
  table[':'] = 12;
  return table;
}();

bool name_fits(std::string_view text, unsigned first, unsigned later) {
  const auto fits = [](char c, unsigned bit) {
    return (kNameBytes[static_cast<unsigned char>(c)] & bit) != 0;
  };
  return !text.empty() && fits(text.front(), first) &&
         std::all_of(text.begin() + 1, text.end(), [&](char c) { return fits(c, later); });
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 80;
  return '"' + printable(text.substr(0, kShown)) + (text.size() > kShown ? "...\"" : "\"");
}

std::string label_problem(const LabelView& label, const LabelLimits& limits) {
  if (label.name.empty()) return "a label name is empty";
  if (label.name.size() > limits.longest_name) {
    return "a label name is longer than " + std::to_string(limits.longest_name) + " bytes";
  }
  if (!is_label_name(label.name)) {
    return "the label name " + quoted(label.name) + " is not [a-zA-Z_][a-zA-Z0-9_]*";
  }
  if (label.value.empty()) return "the label " + quoted(label.name) + " is empty";
  if (label.value.size() > limits.longest_value) {
    return "the label " + quoted(label.name) + " is longer than " +
           std::to_string(limits.longest_value) + " bytes";
  }
  if (!is_utf8(label.value)) return "the label " + quoted(label.name) + " is not UTF-8";
  if (label.name == kNameLabel && !is_metric_name(label.value)) {
    return "the metric name " + quoted(label.value) + " is not [a-zA-Z_:][a-zA-Z0-9_:]*";
  }
  return "";
}

}  // namespace

bool is_metric_name(std::string_view text) { return name_fits(text, 4, 8); }
bool is_label_name(std::string_view text) { return name_fits(text, 1, 2); }

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      text.remove_prefix(1);
      continue;
    }
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string labels_problem(std::span<const LabelView> labels, const LabelLimits& limits) {
  if (labels.size() > limits.most_labels) {
    return "a series has more than " + std::to_string(limits.most_labels) + " labels";
  }
  std::string_view metric;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (const auto problem = label_problem(labels[i], limits); !problem.empty()) return problem;
    if (i > 0 && labels[i].name == labels[i - 1].name) {
      return "the label " + quoted(labels[i].name) + " stands twice in one series";
    }
    if (i > 0 && labels[i].name < labels[i - 1].name) {
      return "the labels are not sorted: " + quoted(labels[i].name) + " comes after " +
             quoted(labels[i - 1].name);
    }
    if (labels[i].name == kNameLabel) metric = labels[i].value;
  }
  return metric.empty() ? "a series has no metric name (__name__)" : "";
}

std::shared_ptr<const Labels> to_labels(std::span<const LabelView> labels) {
  auto made = std::make_shared<Labels>();
  made->reserve(labels.size());
  for (const auto& [name, value] : labels) made->emplace_back(name, value);
  return made;
}

std::size_t labels_bytes(const Labels& labels) {
  std::size_t bytes = labels.size() * sizeof(Labels::value_type);
  for (const auto& [name, value] : labels) bytes += name.size() + value.size();
  return bytes;
}

std::string_view without_part_suffix(std::string_view name) {
  for (const std::string_view suffix : {"_bucket", "_count", "_sum"}) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      return name.substr(0, name.size() - suffix.size());
    }
  }
  return name;
}

}  // namespace volta
