#include "prom/scraper.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "prom/openmetrics_parser.hpp"
#include "prom/text_parser.hpp"

namespace volta {
namespace {

// DCGM says "blank" by integers near 2^63 (dcgm_fields.h); no real reading comes near this.
constexpr double kDcgmBlank = 1e18;

constexpr std::array<std::string_view, 5> kReportNames = {
    "up", "scrape_duration_seconds", "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling", "scrape_series_added"};

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

bool same_metadata(const std::vector<MetricMetadata>& a, const std::vector<MetricMetadata>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const MetricMetadata& x, const MetricMetadata& y) {
        return x.name == y.name && x.type == y.type && x.help == y.help && x.unit == y.unit;
      });
}

}  // namespace

// Keeps what the parser finds until it is known that the whole of it is good.
class Scraper::Collector final : public ScrapeSink {
 public:
  struct Row {
    std::shared_ptr<const Labels> labels;
    double value;
    std::optional<std::int64_t> time_ms;
  };
  void sample(const ScrapedSample& sample) override {
    rows.push_back({*sample.labels, sample.value, sample.time_ms});
  }
  void metadata(const MetricMetadata& metric) override { described.push_back(metric); }

  std::vector<Row> rows;
  std::vector<MetricMetadata> described;
};

Labels under_target(const Labels& sample, const Labels& target, bool honor) {
  std::map<std::string, std::string> merged(sample.begin(), sample.end());
  for (const auto& [name, value] : target) {
    const auto clash = merged.find(name);
    if (clash == merged.end()) {
      merged.emplace(name, value);
    } else if (!honor) {
      std::string free_name = "exported_" + name;
      while (merged.contains(free_name) || !label_value(target, free_name).empty()) {
        free_name.insert(0, "exported_");
      }
      merged.emplace(std::move(free_name), std::exchange(clash->second, value));
    }
  }
  return {merged.begin(), merged.end()};
}

Scraper::Scraper(std::shared_ptr<const ScrapeJob> job, ScrapeTarget target, HttpClient& client,
                 SampleSink& sink, const Clock& clock)
    : job_(std::move(job)),
      target_(std::move(target)),
      client_(client),
      sink_(sink),
      clock_(clock) {
  for (const std::string_view name : kReportNames) {
    Labels labels = target_.labels;
    labels.emplace_back(kNameLabel, name);
    std::sort(labels.begin(), labels.end());
    report_series_.push_back(tracker_.series(std::move(labels)));
  }
}

ScrapeOutcome Scraper::scrape(std::int64_t time_ms, const std::atomic<bool>& cancel) {
  ScrapeOutcome outcome;
  Counts counts;
  const auto began = clock_.monotonic();
  tracker_.begin();
  ++scrape_;
  try {
    outcome.why = take(ask(cancel), time_ms, counts);
    outcome.up = outcome.why.empty();
  } catch (const Failure& failure) {
    outcome.why = failure.what();
  }
  if (!outcome.up && cancel.load()) return outcome;
  if (!outcome.up) tracker_.discard();
  outcome.duration_s = seconds_of(clock_.monotonic() - began);
  report(time_ms, outcome.up, outcome.duration_s, counts);
  write(time_ms, outcome);
  std::erase_if(mapped_, [&](const auto& item) { return item.second.scrape + 1 < scrape_; });
  return outcome;
}

void Scraper::retire(std::int64_t time_ms) {
  tracker_.begin();
  ScrapeOutcome outcome;
  write(time_ms, outcome);
}

OutboundResponse Scraper::ask(const std::atomic<bool>& cancel) const {
  OutboundRequest request;
  request.url = target_.url;
  request.headers.emplace_back("Accept", scrape_accept_header());
  request.headers.emplace_back("X-Prometheus-Scrape-Timeout-Seconds",
                               std::to_string(seconds_of(job_->timeout)));
  job_->credentials.put_into(request);
  request.timeout_ms = static_cast<int>(job_->timeout.count());
  request.connect_timeout_ms = request.timeout_ms;
  request.most_bytes = job_->body_limit;
  request.cancel = &cancel;
  return client_.perform(request);
}

std::string Scraper::take(const OutboundResponse& response, std::int64_t time_ms, Counts& counts) {
  if (response.status != 200) {
    return "the target answered with status " + std::to_string(response.status);
  }
  Collector found;
  const bool open_metrics = is_openmetrics(response.content_type);
  const auto parsed = open_metrics ? parse_openmetrics(response.body, {}, texts_, found)
                                   : parse_exposition_text(response.body, {}, texts_, found);
  if (!parsed) return parsed.error().text;
  counts.scraped = found.rows.size();
  for (const Collector::Row& row : found.rows) {
    const Mapped& mapped = map(row.labels);
    if (!mapped.series) continue;
    if (mapped.dcgm && row.value > kDcgmBlank) continue;
    if (mapped.too_many_labels) {
      return "a series has more than " + std::to_string(job_->label_limit) +
             " labels: " + label_text(*mapped.series->labels);
    }
    ++counts.kept;
    const bool own_time = job_->honor_timestamps && row.time_ms.has_value();
    tracker_.add(mapped.series, own_time ? *row.time_ms : time_ms, row.value, own_time);
  }
  if (job_->sample_limit != 0 && counts.kept > job_->sample_limit) {
    return std::to_string(counts.kept) + " samples are more than the limit of " +
           std::to_string(job_->sample_limit);
  }
  describe(std::move(found.described));
  return "";
}

Scraper::Mapped& Scraper::map(const std::shared_ptr<const Labels>& scraped) {
  Mapped& mapped = mapped_[scraped.get()];
  const bool as_before = mapped.scraped && (!mapped.series || mapped.series->known);
  mapped.scrape = scrape_;
  if (as_before) return mapped;
  mapped.scraped = scraped;
  mapped.dcgm = label_value(*scraped, kNameLabel).starts_with("DCGM_FI_");
  Labels labels = under_target(*scraped, target_.labels, job_->honor_labels);
  if (job_->metric_relabel.apply(labels) && !label_value(labels, kNameLabel).empty()) {
    mapped.too_many_labels = job_->label_limit != 0 && labels.size() > job_->label_limit;
    mapped.series = tracker_.series(std::move(labels));
  }
  return mapped;
}

void Scraper::report(std::int64_t time_ms, bool up, double duration_s, const Counts& counts) {
  const std::array<double, kReportNames.size()> values = {
      up ? 1.0 : 0.0, duration_s, static_cast<double>(counts.scraped),
      static_cast<double>(counts.kept), static_cast<double>(tracker_.appeared())};
  for (std::size_t i = 0; i < values.size(); ++i) {
    SeriesTracker::Series& series = report_series_.at(i);
    if (!series->known) series = tracker_.series(*series->labels);
    tracker_.add(series, time_ms, values.at(i), false);
  }
}

void Scraper::describe(std::vector<MetricMetadata> metadata) {
  if (metadata.empty() || same_metadata(metadata, described_)) return;
  described_ = std::move(metadata);
  sink_.describe(described_);
}

void Scraper::write(std::int64_t time_ms, ScrapeOutcome& outcome) {
  const std::vector<LabeledSamples> rows = tracker_.finish(time_ms);
  WriteOutcome written;
  if (!rows.empty()) written = sink_.write(rows);
  tracker_.settle(written.state == WriteState::committed);
  outcome.samples = written.written;
  if (!outcome.why.empty()) return;
  if (written.state != WriteState::committed) {
    outcome.why = "the store takes nothing now: " + written.why;
  } else if (written.refused > 0) {
    outcome.why = std::to_string(written.refused) + " samples were refused: " + written.why;
  }
}

}  // namespace volta
