#include "prom/exposition.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

#include "base/text.hpp"

namespace volta {
namespace {

// HELP texts escape backslash and LF; OpenMetrics also the double quote.
void append_help(std::string& out, std::string_view help, ExpositionFormat format) {
  for (const char c : help) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && format == ExpositionFormat::open_metrics_1_0) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

void append_value(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> buffer{};
    out.append(buffer.data(),
               std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr);
  }
}

// OpenMetrics names a counter's family without `_total`; the samples keep it.
std::string_view family_name(const MetricFamily& family, ExpositionFormat format) {
  std::string_view name = family.name;
  if (format == ExpositionFormat::open_metrics_1_0 && family.kind == Kind::counter &&
      name.ends_with("_total")) {
    name.remove_suffix(std::string_view("_total").size());
  }
  return name;
}

void append_head(std::string& out, const MetricFamily& family, ExpositionFormat format) {
  const std::string_view name = family_name(family, format);
  const auto line = [&](std::string_view keyword, std::string_view content) {
    out.append("# ").append(keyword).append(" ").append(name).append(" ").append(content).append(
        "\n");
  };
  const bool open_metrics = format == ExpositionFormat::open_metrics_1_0;
  std::string help;
  append_help(help, family.help, format);
  // OpenMetrics wants counters to end in _total; a counter under a foreign name is of unknown type
  // there.
  const bool odd_counter =
      open_metrics && family.kind == Kind::counter && !family.name.ends_with("_total");
  if (!open_metrics) line("HELP", help);
  line("TYPE", odd_counter ? "unknown" : to_text(family.kind));
  if (open_metrics && !family.unit.empty() && name.ends_with("_" + family.unit))
    line("UNIT", family.unit);
  if (open_metrics) line("HELP", help);
}

// The weight of one media type in an Accept header, 0 if it is not named. `*/*` and the like do not
// count.
double weight(std::string_view accept, std::string_view type, std::string_view version) {
  double best = 0;
  while (!accept.empty()) {
    const auto comma = accept.find(',');
    std::string_view entry = accept.substr(0, comma);
    accept.remove_prefix(comma == std::string_view::npos ? accept.size() : comma + 1);
    double quality = 1;
    bool version_ok = true;
    std::string_view name = trim(entry.substr(0, entry.find(';')));
    while (entry.find(';') != std::string_view::npos) {
      entry.remove_prefix(entry.find(';') + 1);
      const std::string_view parameter = trim(entry.substr(0, entry.find(';')));
      if (parameter.starts_with("q=")) quality = parse_number(parameter.substr(2)).value_or(0);
      if (parameter.starts_with("version=")) version_ok = parameter.substr(8) == version;
    }
    if (name == type && version_ok) best = std::max(best, std::clamp(quality, 0.0, 1.0));
  }
  return best;
}

}  // namespace

ExpositionFormat PrometheusExposition::negotiate(std::string_view accept) const {
  const double open_metrics = weight(accept, "application/openmetrics-text", "1.0.0");
  const double text = weight(accept, "text/plain", "0.0.4");
  return open_metrics > 0 && open_metrics >= text ? ExpositionFormat::open_metrics_1_0
                                                  : ExpositionFormat::text_0_0_4;
}

std::string_view PrometheusExposition::content_type(ExpositionFormat format) const {
  return format == ExpositionFormat::text_0_0_4
             ? "text/plain; version=0.0.4; charset=utf-8"
             : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

std::string PrometheusExposition::render(ExpositionFormat format,
                                         const std::vector<MetricFamily>& families) const {
  std::map<std::string_view, std::vector<const MetricFamily*>> by_name;
  for (const MetricFamily& family : families) by_name[family.name].push_back(&family);
  std::string out;
  for (const MetricFamily& family : families) {
    const auto& parts = by_name[family.name];
    if (parts.front() != &family) continue;  // already written with the first of this name
    const bool any = std::any_of(parts.begin(), parts.end(),
                                 [](const auto* part) { return !part->samples.empty(); });
    if (!any) continue;
    append_head(out, family, format);
    for (const MetricFamily* part : parts) {
      for (const ExpositionSample& sample : part->samples) {
        out += family.name;
        out += label_text(sample.labels);
        out += ' ';
        append_value(out, sample.value);
        out += '\n';
      }
    }
  }
  if (format == ExpositionFormat::open_metrics_1_0) out += "# EOF\n";
  return out;
}

}  // namespace volta
