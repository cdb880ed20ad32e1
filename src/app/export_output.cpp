#include "app/export_output.hpp"

#include <set>

#include "app/csv_cell.hpp"
#include "app/json_lines.hpp"
#include "base/text.hpp"
#include "prom/prometheus_json.hpp"

namespace volta {
namespace {

class JsonLinesOutput final : public ExportOutput {
 public:
  void begin(std::string& /*out*/) override {}
  void add(std::string& out, const LabeledSamples& series) override {
    append_json_line(out, series);
  }
  void end(std::string& /*out*/) override {}
};

// Without types: volta keeps a metric's type apart from its samples, and what a type demands of
// names and values need not hold for what others wrote.
class OpenMetricsOutput final : public ExportOutput {
 public:
  void begin(std::string& /*out*/) override {}
  void add(std::string& out, const LabeledSamples& series) override {
    Labels labels;
    std::string_view name;
    for (const auto& label : *series.labels) {
      if (label.first == kNameLabel) {
        name = label.second;
      } else {
        labels.push_back(label);
      }
    }
    if (name != name_) out.append("# TYPE ").append(name).append(" unknown\n");
    name_ = name;
    const std::string head = std::string(name) + label_text(labels) + ' ';
    for (std::size_t i = 0; i < series.values.size(); ++i) {
      if (is_stale_marker(series.values[i])) {
        leave_out();
        continue;
      }
      out += head;
      append_prometheus_value(out, series.values[i]);
      out += ' ';
      append_prometheus_time(out, series.times_ms[i]);
      out += '\n';
    }
  }
  void end(std::string& out) override { out += "# EOF\n"; }

 private:
  std::string name_;
};

class CsvOutput final : public ExportOutput {
 public:
  explicit CsvOutput(std::span<const std::shared_ptr<const Labels>> series) {
    for (const auto& labels : series) {
      for (const auto& [key, value] : *labels) {
        if (key != kNameLabel) keys_.insert(key);
      }
    }
  }
  void begin(std::string& out) override {
    out += "timestamp,__name__";
    for (const std::string& key : keys_) out += ',' + csv_cell(key, true);
    out += ",value\n";
  }
  void add(std::string& out, const LabeledSamples& series) override {
    std::string labels = ',' + csv_cell(label_value(*series.labels, kNameLabel), true);
    for (const std::string& key : keys_)
      labels += ',' + csv_cell(label_value(*series.labels, key), true);
    for (std::size_t i = 0; i < series.values.size(); ++i) {
      if (is_stale_marker(series.values[i])) {
        leave_out();
        continue;
      }
      out += rfc3339(series.times_ms[i]) + labels + ',';
      append_prometheus_value(out, series.values[i]);
      out += '\n';
    }
  }
  void end(std::string& /*out*/) override {}

 private:
  std::set<std::string> keys_;
};

}  // namespace

std::unique_ptr<ExportOutput> export_output(std::string_view format,
                                            std::span<const std::shared_ptr<const Labels>> series) {
  if (format == "csv") return std::make_unique<CsvOutput>(series);
  if (format == "openmetrics") return std::make_unique<OpenMetricsOutput>();
  return std::make_unique<JsonLinesOutput>();
}

}  // namespace volta
