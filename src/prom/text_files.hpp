// A folder of *.prom files in which scripts leave metrics of a host, as node_exporter's textfile
// collector reads it. Each file is taken whole or not at all: one that does not end with a line
// feed is still being written (whoever writes should rename into place), one with timestamps would
// be shown as of a time that nobody keeps up. `node_textfile_mtime_seconds{file}` says how old a
// file is, `node_textfile_scrape_error` is 1 while any of them is refused.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/clock.hpp"
#include "model/sample_sink.hpp"
#include "prom/scrape_source.hpp"
#include "prom/scrape_text.hpp"
#include "prom/series_tracker.hpp"

namespace volta {

class TextFiles final : public ScrapeSource {
 public:
  static constexpr std::size_t kLongestFile = 16U << 20U;
  static constexpr std::size_t kMostFiles = 1'000;

  // `labels` are added to every series (host, job); a file's own label of the same name stays. The
  // references must live longer.
  TextFiles(std::filesystem::path folder, Labels labels, SampleSink& sink, const Clock& clock);

  // `up` is whether the folder and all its files could be used.
  ScrapeOutcome scrape(std::int64_t time_ms, const std::atomic<bool>& cancel) override;
  void retire(std::int64_t time_ms) override;

 private:
  void add(const Labels& labels, std::int64_t time_ms, double value);
  // "" or why it is refused.
  std::string read_file(const std::filesystem::path& path, std::int64_t time_ms);
  void write(std::int64_t time_ms, ScrapeOutcome& outcome);

  const std::filesystem::path folder_;
  const Labels labels_;
  SampleSink& sink_;
  const Clock& clock_;
  SeriesTracker tracker_;
  std::map<std::filesystem::path, SeriesTexts> texts_;
  std::vector<MetricMetadata> metadata_;
  bool described_ = false;
};

}  // namespace volta
