// Asks one target and writes what it says: its samples under the target's labels, a stale marker
// for each series that is gone, and what Prometheus tells about a scrape (`up`,
// `scrape_duration_seconds`, `scrape_samples_scraped`, `scrape_samples_post_metric_relabeling`,
// `scrape_series_added`). A scrape is all or nothing: an answer that does not parse or is beyond a
// limit counts as no answer, and all series of the target end.
#pragma once

#include <memory>
#include <unordered_map>

#include "base/clock.hpp"
#include "model/http.hpp"
#include "model/sample_sink.hpp"
#include "prom/scrape_job.hpp"
#include "prom/scrape_source.hpp"
#include "prom/scrape_text.hpp"
#include "prom/series_tracker.hpp"

namespace volta {

class Scraper final : public ScrapeSource {
 public:
  // References must live longer. The job must pass check_scrape_job().
  Scraper(std::shared_ptr<const ScrapeJob> job, ScrapeTarget target, HttpClient& client,
          SampleSink& sink, const Clock& clock);

  ScrapeOutcome scrape(std::int64_t time_ms, const std::atomic<bool>& cancel) override;
  void retire(std::int64_t time_ms) override;

 private:
  // What a series of the target's body became.
  struct Mapped {
    std::shared_ptr<const Labels> scraped;  // holds the key
    SeriesTracker::Series series;           // null: relabelling drops it
    bool dcgm = false;
    bool too_many_labels = false;
    std::uint64_t scrape = 0;
  };
  struct Counts {
    std::size_t scraped = 0;  // as they came
    std::size_t kept = 0;     // after relabelling
  };
  class Collector;

  [[nodiscard]] OutboundResponse ask(const std::atomic<bool>& cancel) const;
  // "" or why the answer is no good.
  std::string take(const OutboundResponse& response, std::int64_t time_ms, Counts& counts);
  Mapped& map(const std::shared_ptr<const Labels>& scraped);
  void report(std::int64_t time_ms, bool up, double duration_s, const Counts& counts);
  void describe(std::vector<MetricMetadata> metadata);
  void write(std::int64_t time_ms, ScrapeOutcome& outcome);

  const std::shared_ptr<const ScrapeJob> job_;
  const ScrapeTarget target_;
  HttpClient& client_;
  SampleSink& sink_;
  const Clock& clock_;

  SeriesTexts texts_;
  SeriesTracker tracker_;
  std::unordered_map<const Labels*, Mapped> mapped_;
  std::vector<SeriesTracker::Series> report_series_;
  std::vector<MetricMetadata> described_;
  std::uint64_t scrape_ = 0;
};

// The labels of a sample under those of its target. Where both have one, the target's wins and the
// sample's is renamed exported_NAME; with `honor` it is the sample's that stays.
Labels under_target(const Labels& sample, const Labels& target, bool honor);

}  // namespace volta
