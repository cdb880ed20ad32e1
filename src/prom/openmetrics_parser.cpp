#include "prom/openmetrics_parser.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/text.hpp"
#include "prom/metric_type.hpp"
#include "prom/series_scanner.hpp"

namespace volta {
namespace {

// What a sample's name has behind its family's, and what that asks of it.
struct Part {
  std::string_view type;
  std::string_view suffix;
  std::string_view label;  // that has to be there; "family": one named like the family
  bool counts = false;     // neither NaN nor below zero
  bool exemplar = false;   // may have one
};

constexpr Part kParts[] = {
    {"unknown", "", "", false, false},
    {"gauge", "", "", false, false},
    {"counter", "_total", "", true, true},
    {"counter", "_created", "", false, false},
    {"histogram", "_bucket", "le", true, true},
    {"histogram", "_count", "", true, false},
    {"histogram", "_sum", "", false, false},
    {"histogram", "_created", "", false, false},
    {"gaugehistogram", "_bucket", "le", false, true},
    {"gaugehistogram", "_gcount", "", false, false},
    {"gaugehistogram", "_gsum", "", false, false},
    {"summary", "", "quantile", false, false},
    {"summary", "_count", "", true, false},
    {"summary", "_sum", "", false, false},
    {"summary", "_created", "", false, false},
    {"info", "_info", "", false, false},
    {"stateset", "", "family", false, false},
};

constexpr std::size_t kMostExemplarLetters = 128;  // of all its labels' names and values

// Cuts up to the next blank, which stays.
std::string_view cut_word(std::string_view& rest) {
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

std::string shown(std::string_view word) { return '"' + printable(word.substr(0, 80)) + '"'; }

// Seconds with a fraction -> milliseconds.
std::optional<std::int64_t> seconds_to_ms(std::string_view word) {
  constexpr double kMost = 9.2e18;
  const auto seconds = exposition_number(word);
  if (!seconds || !std::isfinite(*seconds)) return std::nullopt;
  const double milliseconds = std::round(*seconds * 1000);
  if (std::abs(milliseconds) > kMost) return std::nullopt;
  return static_cast<std::int64_t>(milliseconds);
}

std::size_t letters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }));
}

class OpenMetricsReader {
 public:
  OpenMetricsReader(const ScrapeLimits& limits, SeriesTexts& texts, ScrapeSink& sink)
      : limits_(&limits), scanner_(limits, texts, Blanks::nowhere), sink_(&sink) {}

  // "" or what is wrong with the line.
  std::string read_line(std::string_view line);
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] const ScrapeTotals& totals() const { return totals_; }

 private:
  std::string read_metadata(std::string_view line);
  std::string keep_metadata(std::string_view keyword, std::string_view content);
  std::string read_sample(std::string_view line);
  std::string read_value(std::string_view& rest, ScrapedSample& sample) const;
  std::string read_exemplar(std::string_view rest);
  std::string begin_family(std::string_view name);
  std::string find_part(std::string_view name);
  std::string check_part(const Labels& labels, double value) const;
  void end_family();

  const ScrapeLimits* limits_;
  SeriesScanner scanner_;
  ScrapeSink* sink_;
  ScrapeTotals totals_;
  bool ended_ = false;
  // The family at hand; names are views of the body.
  std::string_view family_;
  std::string_view type_;  // "" until it is said
  bool has_unit_ = false, has_help_ = false, has_samples_ = false;
  MetricMetadata metadata_;
  const Part* part_ = nullptr;  // of the sample at hand
  std::unordered_set<std::string_view> seen_;
};

std::string OpenMetricsReader::read_line(std::string_view line) {
  if (ended_) return "there is more behind # EOF";
  if (line.size() > limits_->longest_line) {
    return "longer than " + std::to_string(limits_->longest_line) + " bytes";
  }
  if (line == "# EOF") {
    end_family();
    ended_ = true;
    return "";
  }
  if (line.empty()) return "OpenMetrics has no empty lines";
  return line.front() == '#' ? read_metadata(line) : read_sample(line);
}

std::string OpenMetricsReader::read_metadata(std::string_view line) {
  std::string_view rest = line;
  const bool good = rest.starts_with("# ");
  rest.remove_prefix(std::min<std::size_t>(2, rest.size()));
  const std::string_view keyword = cut_word(rest);
  if (!good || (keyword != "TYPE" && keyword != "UNIT" && keyword != "HELP")) {
    return "# TYPE, # UNIT, # HELP or # EOF is expected";
  }
  rest.remove_prefix(std::min<std::size_t>(1, rest.size()));
  const std::string_view name = cut_word(rest);
  if (!is_metric_name(name) || name.size() > limits_->longest_name) {
    return "a metric name is expected behind # " + std::string(keyword);
  }
  if (!rest.starts_with(' ')) return "a blank is expected behind the metric name";
  if (name != family_) {
    if (auto problem = begin_family(name); !problem.empty()) return problem;
  } else if (has_samples_) {
    return "metadata of " + shown(name) + " comes after its samples";
  }
  return keep_metadata(keyword, rest.substr(1));
}

std::string OpenMetricsReader::keep_metadata(std::string_view keyword, std::string_view content) {
  const bool again = keyword == "TYPE" ? !type_.empty() : keyword == "UNIT" ? has_unit_ : has_help_;
  if (again) return "a second # " + std::string(keyword) + " of " + shown(family_);
  if (keyword == "TYPE") {
    const auto* const type = std::find(kMetricTypes.begin(), kMetricTypes.end(), content);
    if (type == kMetricTypes.end()) return "no type of metrics: " + shown(content);
    type_ = *type;
    metadata_.type = *type;
  } else if (keyword == "UNIT") {
    has_unit_ = true;
    if (!content.empty() && !family_.ends_with("_" + std::string(content))) {
      return "the name " + shown(family_) + " does not end in its unit " + shown(content);
    }
    metadata_.unit = content;
  } else {
    has_help_ = true;
    auto text = help_text(content, true);
    if (!text) return "the help text is not UTF-8";
    metadata_.help = std::move(*text);
  }
  return "";
}

std::string OpenMetricsReader::begin_family(std::string_view name) {
  end_family();
  if (!seen_.insert(name).second) return "the family " + shown(name) + " stands in two places";
  family_ = name;
  return "";
}

void OpenMetricsReader::end_family() {
  if (!type_.empty() || has_unit_ || has_help_) {
    metadata_.name = family_;
    if (type_.empty()) metadata_.type = kMetricTypes[0];
    sink_->metadata(metadata_);
  }
  metadata_ = {};
  family_ = type_ = {};
  has_unit_ = has_help_ = has_samples_ = false;
  part_ = nullptr;
}

// Which part of the family at hand a sample of that name is; another family begins where it is
// none.
std::string OpenMetricsReader::find_part(std::string_view name) {
  const auto fits = [&](const Part& part) {
    return part.type == (type_.empty() ? kMetricTypes[0] : type_) &&
           name.size() == family_.size() + part.suffix.size() && name.ends_with(part.suffix);
  };
  if (!family_.empty() && name.starts_with(family_)) {
    if (part_ != nullptr && fits(*part_)) return "";
    part_ = std::find_if(std::begin(kParts), std::end(kParts), fits);
    // A summary's bare name is its quantiles.
    if (part_ != std::end(kParts)) return "";
    if (name == family_) {
      return "a sample of a " + std::string(type_) + " may not be named " + shown(name);
    }
  }
  if (auto problem = begin_family(name); !problem.empty()) return problem;
  part_ = kParts;
  return "";
}

std::string OpenMetricsReader::check_part(const Labels& labels, double value) const {
  const std::string_view needed = part_->label == "family" ? family_ : part_->label;
  if (!needed.empty() && label_value(labels, needed).empty()) {
    return "a sample of " + shown(family_) + " lacks the label " + std::string(needed);
  }
  if (part_->counts && !(value >= 0)) return "a counter is NaN or below zero";
  if (part_->type == "info" && value != 1) return "the value of an info is not 1";
  if (part_->type == "stateset" && value != 0 && value != 1) {
    return "the value of a state is neither 0 nor 1";
  }
  return "";
}

std::string OpenMetricsReader::read_value(std::string_view& rest, ScrapedSample& sample) const {
  if (!rest.starts_with(' ')) return "a blank is expected behind the series";
  rest.remove_prefix(1);
  const std::string_view number = cut_word(rest);
  const auto value = exposition_number(number);
  if (!value) return "no number: " + shown(number);
  sample.value = *value;
  if (rest.empty() || rest.starts_with(" # ")) return "";
  rest.remove_prefix(1);
  const std::string_view time = cut_word(rest);
  sample.time_ms = seconds_to_ms(time);
  if (!sample.time_ms) return "no timestamp in seconds: " + shown(time);
  return "";
}

std::string OpenMetricsReader::read_sample(std::string_view line) {
  if (++totals_.samples > limits_->most_samples) {
    return "more than " + std::to_string(limits_->most_samples) + " samples";
  }
  std::string_view rest = line;
  const auto* series = scanner_.cut_series(rest);
  if (series == nullptr) return scanner_.problem();
  ScrapedSample sample{&series->labels, 0, std::nullopt};
  if (auto problem = read_value(rest, sample); !problem.empty()) return problem;
  // Of the body, not of the entry, which may be forgotten before the family ends.
  if (auto problem = find_part(line.substr(0, series->name_bytes)); !problem.empty()) {
    return problem;
  }
  has_samples_ = true;
  if (auto problem = check_part(*series->labels, sample.value); !problem.empty()) return problem;
  if (!rest.empty()) {
    if (auto problem = read_exemplar(rest); !problem.empty()) return problem;
  }
  sink_->sample(sample);
  return "";
}

// ` # {trace_id="a"} 0.5 1700000000.5`
std::string OpenMetricsReader::read_exemplar(std::string_view rest) {
  if (!rest.starts_with(" # {")) return "more than a value and a timestamp";
  if (!part_->exemplar) return "only counters and buckets have exemplars";
  rest.remove_prefix(3);
  if (!scanner_.cut_labels(rest)) return scanner_.problem();
  std::size_t size = 0;
  for (const auto& [name, value] : scanner_.labels()) {
    if (!is_utf8(value)) return "an exemplar's label is not UTF-8";
    size += letters(name) + letters(value);
  }
  if (size > kMostExemplarLetters) return "an exemplar's labels are longer than 128 letters";
  ScrapedSample exemplar;
  if (auto problem = read_value(rest, exemplar); !problem.empty()) return problem;
  if (!rest.empty()) return "more than an exemplar's value and timestamp";
  ++totals_.exemplars;
  return "";
}

}  // namespace

Result<ScrapeTotals> parse_openmetrics(std::string_view body, const ScrapeLimits& limits,
                                       SeriesTexts& texts, ScrapeSink& sink) {
  texts.begin();
  OpenMetricsReader reader(limits, texts, sink);
  std::string_view rest = body;
  std::size_t number = 0;
  while (const auto line = next_line(rest)) {
    ++number;
    if (auto problem = reader.read_line(*line); !problem.empty()) {
      return line_error(number, problem);
    }
  }
  if (!reader.ended()) return line_error(number + 1, "the text ends without # EOF");
  texts.end();
  return reader.totals();
}

bool is_openmetrics(std::string_view content_type) {
  return trim(content_type.substr(0, content_type.find(';'))) == "application/openmetrics-text";
}

std::string_view scrape_accept_header() {
  return "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,"
         "*/*;q=0.1";
}

}  // namespace volta
