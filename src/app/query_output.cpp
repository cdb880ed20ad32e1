#include "app/query_output.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include <boost/json.hpp>

#include "app/csv_cell.hpp"
#include "base/text.hpp"
#include "model/series.hpp"

namespace volta {
namespace {

namespace json = boost::json;

struct PrintedSample {
  std::string time;  // RFC 3339
  std::string value;
};
struct PrintedSeries {
  std::string name;
  Labels labels;  // without the name, sorted
  std::vector<PrintedSample> samples;
};
struct PrintedAnswer {
  bool matrix = false;
  bool plain = false;  // a scalar or a string: no series
  std::vector<PrintedSeries> series;
};

// [seconds, "value"]
std::optional<PrintedSample> sample_of(const json::value& pair) {
  if (!pair.is_array() || pair.as_array().size() != 2) return std::nullopt;
  const json::value& time = pair.as_array()[0];
  const json::value& value = pair.as_array()[1];
  if (!time.is_number() || !value.is_string()) return std::nullopt;
  const double seconds = time.to_number<double>();
  if (!(std::fabs(seconds) < 1e15)) return std::nullopt;
  return PrintedSample{rfc3339(std::llround(seconds * 1000)), std::string(value.as_string())};
}

// Of a matrix the samples are in "values", of a vector the one is in "value".
std::optional<PrintedSeries> series_of(const json::value& item, bool matrix) {
  if (!item.is_object()) return std::nullopt;
  const json::object& members = item.as_object();
  PrintedSeries out;
  const json::value* labels = members.if_contains("metric");
  if (labels == nullptr || !labels->is_object()) return std::nullopt;
  for (const auto& [key, value] : labels->as_object()) {
    if (!value.is_string()) return std::nullopt;
    if (key == "__name__") {
      out.name = value.as_string();
    } else {
      out.labels.emplace_back(key, value.as_string());
    }
  }
  std::sort(out.labels.begin(), out.labels.end());
  if (!matrix) {
    const json::value* one = members.if_contains("value");
    const auto sample = one != nullptr ? sample_of(*one) : std::nullopt;
    if (!sample) return std::nullopt;
    out.samples.push_back(*sample);
    return out;
  }
  const json::value* many = members.if_contains("values");
  if (many == nullptr || !many->is_array()) return std::nullopt;
  for (const json::value& pair : many->as_array()) {
    const auto sample = sample_of(pair);
    if (!sample) return std::nullopt;
    out.samples.push_back(*sample);
  }
  return out;
}

Result<PrintedAnswer> read_answer(const json::value& data) {
  const Error strange{"the answer does not look like one of Prometheus' HTTP API"};
  if (!data.is_object()) return strange;
  const json::value* type = data.as_object().if_contains("resultType");
  const json::value* result = data.as_object().if_contains("result");
  if (type == nullptr || !type->is_string() || result == nullptr || !result->is_array())
    return strange;
  PrintedAnswer out;
  const std::string_view kind = type->as_string();
  if (kind == "scalar" || kind == "string") {
    const auto sample = sample_of(*result);
    if (!sample) return strange;
    out.plain = true;
    out.series.push_back({"", {}, {*sample}});
    return out;
  }
  out.matrix = kind == "matrix";
  for (const json::value& item : result->as_array()) {
    auto series = series_of(item, out.matrix);
    if (!series) return strange;
    out.series.push_back(std::move(*series));
  }
  return out;
}

std::string heading(const PrintedSeries& series) {
  const std::string text = series.name + label_text(series.labels);
  return printable(text.empty() ? "{}" : text);
}

}  // namespace

Result<std::string> query_table(const json::value& data) {
  auto answer = read_answer(data);
  if (!answer) return answer.error();
  std::string out;
  if (answer->plain) return answer->series.front().samples.front().value + "\n";
  if (answer->series.empty()) return std::string("no data\n");
  std::size_t width = 0;
  for (const PrintedSeries& series : answer->series)
    width = std::max(width, heading(series).size());
  for (const PrintedSeries& series : answer->series) {
    std::string head = heading(series);
    if (!answer->matrix) {
      head.resize(width + 2, ' ');
      out += head + series.samples.front().value + '\n';
      continue;
    }
    out += head + '\n';
    for (const PrintedSample& sample : series.samples)
      out += "  " + sample.time + "  " + sample.value + '\n';
  }
  return out;
}

Result<std::string> query_csv(const json::value& data) {
  auto answer = read_answer(data);
  if (!answer) return answer.error();
  std::set<std::string> keys;
  bool named = false;
  for (const PrintedSeries& series : answer->series) {
    named = named || !series.name.empty();
    for (const auto& label : series.labels) keys.insert(label.first);
  }
  std::string out = "timestamp";
  if (named) out += ",__name__";
  for (const std::string& key : keys) out += ',' + csv_cell(key, true);
  out += ",value\n";
  for (const PrintedSeries& series : answer->series) {
    std::string labels;
    if (named) labels += ',' + csv_cell(series.name, true);
    for (const std::string& key : keys) {
      labels += ',';
      labels += csv_cell(label_value(series.labels, key), true);
    }
    for (const PrintedSample& sample : series.samples)
      out += sample.time + labels + ',' + csv_cell(sample.value, false) + '\n';
  }
  return out;
}

}  // namespace volta
