#include "model/series.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "model/names.hpp"
#include "model/time_series.hpp"

namespace volta {
namespace {

constexpr std::size_t kLongestText = 1024;

// The server refuses texts that are no label, and with them the agent's link. What a kernel names
// may be any bytes (an interface "eth\xff"), and must not cost a host all its other series.
std::string fit_for_label(std::string text) {
  if (!is_utf8(text)) text = printable(text);
  if (text.size() <= kLongestText) return text;
  std::size_t end = kLongestText;
  while ((static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;  // within a character
  text.resize(end);
  return text;
}

}  // namespace

SeriesDef make_series(MetricId id, Labels labels) {
  const Metric& entry = metric(id);
  std::erase_if(labels, [](const auto& label) { return label.second.empty(); });
  for (auto& [key, value] : labels) value = fit_for_label(std::move(value));
  std::sort(labels.begin(), labels.end());
  return {std::string(entry.name), std::move(labels), entry.kind, entry.type, entry.scale,
          std::string(entry.unit), entry.quality};
}

SeriesDef series_of_labels(const Labels& labels) {
  SeriesDef series;
  series.name = label_value(labels, kNameLabel);
  for (const auto& label : labels) {
    if (label.first != kNameLabel && label.first != kHostLabel) series.labels.push_back(label);
  }
  if (const auto id = find_metric(series.name)) {
    const Metric& entry = metric(*id);
    series.kind = entry.kind;
    series.unit = entry.unit;
    series.quality = entry.quality;
  } else if (series.name.ends_with("_total")) {
    series.kind = Kind::counter;
  }
  return series;
}

std::string series_problem(const SeriesDef& series) {
  if (!is_metric_name(series.name) || series.name.size() > kLongestText)
    return "the metric name is not [a-zA-Z_:][a-zA-Z0-9_:]*";
  if (series.labels.size() > kMostSeriesLabels) return "more than 32 labels";
  if (series.unit.size() > kLongestText || !is_utf8(series.unit))
    return "the unit is not short UTF-8 text";
  if (series.scale < -18 || series.scale > 18) return "the scale is outside -18..18";
  std::string_view before;
  for (const auto& [key, value] : series.labels) {
    if (!is_label_name(key) || key.size() > kLongestText)
      return "a label name is not [a-zA-Z_][a-zA-Z0-9_]*";
    if (key == "host" || key == "__name__") return "the labels host and __name__ are the server's";
    if (key <= before) return "the labels are not sorted or not unique";
    if (value.empty() || value.size() > kLongestText || !is_utf8(value)) {
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
