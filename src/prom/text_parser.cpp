#include "prom/text_parser.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "prom/metric_type.hpp"
#include "prom/series_scanner.hpp"

namespace volta {
namespace {

class TextReader {
 public:
  TextReader(const ScrapeLimits& limits, SeriesTexts& texts, ScrapeSink& sink)
      : limits_(&limits), scanner_(limits, texts, Blanks::anywhere), sink_(&sink) {}

  // "" or what is wrong with the line.
  std::string read_line(std::string_view line);
  void finish() { flush_metadata(); }
  [[nodiscard]] const ScrapeTotals& totals() const { return totals_; }

 private:
  std::string read_comment(std::string_view rest);
  std::string read_sample(std::string_view rest);
  void flush_metadata();

  const ScrapeLimits* limits_;
  SeriesScanner scanner_;
  ScrapeSink* sink_;
  ScrapeTotals totals_;
  MetricMetadata metadata_;  // said of the family at hand; no name: nothing
};

std::string TextReader::read_line(std::string_view line) {
  if (line.size() > limits_->longest_line) {
    return "longer than " + std::to_string(limits_->longest_line) + " bytes";
  }
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  if (line.empty()) return "";
  return line.front() == '#' ? read_comment(line.substr(1)) : read_sample(line);
}

std::string TextReader::read_comment(std::string_view rest) {
  const std::string_view keyword = next_field(rest);
  const bool help = keyword == "HELP";
  if (!help && keyword != "TYPE") return "";
  const std::string_view name = next_field(rest);
  if (!is_metric_name(name) || name.size() > limits_->longest_name) {
    return "a metric name is expected behind " + std::string(keyword);
  }
  if (metadata_.name != name) flush_metadata();
  metadata_.name = name;
  if (help) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    auto text = help_text(rest, false);
    if (!text) return "the help text is not UTF-8";
    metadata_.help = std::move(*text);
    return "";
  }
  const std::string_view word = next_field(rest);
  const std::string_view type = word == "untyped" ? kMetricTypes[0] : word;
  if (std::find(kMetricTypes.begin(), kMetricTypes.end(), type) == kMetricTypes.end() ||
      !next_field(rest).empty()) {
    return "no type of metrics: \"" + printable(word.substr(0, 40)) + '"';
  }
  metadata_.type = type;
  return "";
}

std::string TextReader::read_sample(std::string_view rest) {
  if (!metadata_.name.empty()) flush_metadata();
  if (++totals_.samples > limits_->most_samples) {
    return "more than " + std::to_string(limits_->most_samples) + " samples";
  }
  const auto* series = scanner_.cut_series(rest);
  if (series == nullptr) return scanner_.problem();
  const std::string_view number = next_field(rest);
  const auto value = exposition_number(number);
  if (!value) return "no number: \"" + printable(number.substr(0, 40)) + '"';
  ScrapedSample sample{&series->labels, *value, std::nullopt};
  if (!rest.empty()) {
    const std::string_view time = next_field(rest);
    if (!time.empty()) {
      sample.time_ms = parse_integer<std::int64_t>(time);
      if (!sample.time_ms) {
        return "no timestamp in milliseconds: \"" + printable(time.substr(0, 40)) + '"';
      }
    }
    if (!next_field(rest).empty()) return "more than a value and a timestamp";
  }
  sink_->sample(sample);
  return "";
}

void TextReader::flush_metadata() {
  if (metadata_.name.empty()) return;
  if (metadata_.type.empty()) metadata_.type = kMetricTypes[0];
  sink_->metadata(metadata_);
  metadata_ = {};
}

}  // namespace

Result<ScrapeTotals> parse_exposition_text(std::string_view body, const ScrapeLimits& limits,
                                           SeriesTexts& texts, ScrapeSink& sink) {
  texts.begin();
  TextReader reader(limits, texts, sink);
  std::string_view rest = body;
  std::size_t number = 0;
  while (const auto line = next_line(rest)) {
    ++number;
    if (auto problem = reader.read_line(*line); !problem.empty()) {
      return line_error(number, problem);
    }
  }
  reader.finish();
  texts.end();
  return reader.totals();
}

}  // namespace volta
