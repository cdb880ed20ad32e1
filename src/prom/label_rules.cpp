#include "prom/label_rules.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "model/time_series.hpp"

namespace volta {
namespace {

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

std::string labels_problem(std::span<const LabelView> labels, const LabelLimits& limits) {
  if (labels.size() > limits.most_labels) {
    return "a series has more than " + std::to_string(limits.most_labels) + " labels";
  }
  std::string_view metric;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (auto problem = label_problem(labels[i], limits); !problem.empty()) return problem;
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
