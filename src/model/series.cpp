#include "model/series.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace volta {
namespace {

constexpr std::size_t kLongestText = 1024;
constexpr std::size_t kMostLabels = 32;

bool name_ok(std::string_view name, bool colon_allowed) {
  if (name.empty() || name.size() > kLongestText || (name[0] >= '0' && name[0] <= '9'))
    return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c == ':' && colon_allowed);
  });
}

bool utf8_ok(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

SeriesDef make_series(MetricId id, Labels labels) {
  const Metric& entry = metric(id);
  std::erase_if(labels, [](const auto& label) { return label.second.empty(); });
  std::sort(labels.begin(), labels.end());
  return {std::string(entry.name), std::move(labels), entry.kind, entry.type, entry.scale,
          std::string(entry.unit), entry.quality};
}

std::string series_problem(const SeriesDef& series) {
  if (!name_ok(series.name, true)) return "the metric name is not [a-zA-Z_:][a-zA-Z0-9_:]*";
  if (series.labels.size() > kMostLabels) return "more than 32 labels";
  if (series.unit.size() > kLongestText || !utf8_ok(series.unit))
    return "the unit is not short UTF-8 text";
  if (series.scale < -18 || series.scale > 18) return "the scale is outside -18..18";
  std::string_view before;
  for (const auto& [key, value] : series.labels) {
    if (!name_ok(key, false)) return "a label name is not [a-zA-Z_][a-zA-Z0-9_]*";
    if (key == "host" || key == "__name__") return "the labels host and __name__ are the server's";
    if (key <= before) return "the labels are not sorted or not unique";
    if (value.empty() || value.size() > kLongestText || !utf8_ok(value)) {
      return "a label value is empty, longer than 1 KiB or not UTF-8";
    }
    before = key;
  }
  return "";
}

std::string label_text(const Labels& labels) {
  if (labels.empty()) return "";
  std::string out = "{";
  for (const auto& [key, value] : labels) {
    if (out.size() > 1) out += ',';
    out += key + "=\"";
    for (const char c : value) {
      if (c == '\n') {
        out += "\\n";
        continue;
      }
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + '}';
}

std::string_view label_value(const Labels& labels, std::string_view key) {
  const auto found = std::find_if(labels.begin(), labels.end(),
                                  [&](const auto& label) { return label.first == key; });
  return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace volta
