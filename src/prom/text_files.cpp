#include "prom/text_files.hpp"

#include <algorithm>
#include <set>
#include <system_error>

#include <sys/stat.h>

#include "base/whole_file.hpp"
#include "prom/scraper.hpp"
#include "prom/text_parser.hpp"

namespace volta {
namespace {

struct FileRows final : public ScrapeSink {
  void sample(const ScrapedSample& sample) override {
    rows.emplace_back(*sample.labels, sample.value);
    has_times = has_times || sample.time_ms.has_value();
  }
  void metadata(const MetricMetadata& metric) override { described.push_back(metric); }

  std::vector<std::pair<std::shared_ptr<const Labels>, double>> rows;
  std::vector<MetricMetadata> described;
  bool has_times = false;
};

// By name, so that of two files with the same series always the same one wins.
std::set<std::filesystem::path> prom_files(const std::filesystem::path& folder,
                                           std::error_code& failed) {
  std::set<std::filesystem::path> found;
  for (std::filesystem::directory_iterator it(folder, failed), end; !failed && it != end;
       it.increment(failed)) {
    if (it->path().extension() == ".prom") found.insert(it->path());
  }
  return found;
}

}  // namespace

TextFiles::TextFiles(std::filesystem::path folder, Labels labels, SampleSink& sink,
                     const Clock& clock)
    : folder_(std::move(folder)), labels_(std::move(labels)), sink_(sink), clock_(clock) {}

void TextFiles::add(const Labels& labels, std::int64_t time_ms, double value) {
  tracker_.add(tracker_.series(under_target(labels, labels_, true)), time_ms, value, false);
}

std::string TextFiles::read_file(const std::filesystem::path& path, std::int64_t time_ms) {
  const auto content = read_whole_file(path, kLongestFile);
  if (!content) return content.error().text;
  if (!content.value().empty() && !content.value().ends_with('\n')) {
    return path.string() + ": the last line has no end; a file is written elsewhere and renamed";
  }
  FileRows found;
  const auto parsed = parse_exposition_text(content.value(), {}, texts_[path], found);
  if (!parsed) return path.string() + ": " + parsed.error().text;
  if (found.has_times) return path.string() + ": samples with timestamps are not taken from files";
  for (const auto& [labels, value] : found.rows) add(*labels, time_ms, value);
  for (MetricMetadata& metric : found.described) metadata_.push_back(std::move(metric));
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    add({{std::string(kNameLabel), "node_textfile_mtime_seconds"}, {"file", path.string()}},
        time_ms,
        static_cast<double>(status.st_mtim.tv_sec) +
            static_cast<double>(status.st_mtim.tv_nsec) / 1e9);
  }
  return "";
}

ScrapeOutcome TextFiles::scrape(std::int64_t time_ms, const std::atomic<bool>& cancel) {
  ScrapeOutcome outcome;
  const auto began = clock_.monotonic();
  tracker_.begin();
  metadata_.clear();
  std::error_code failed;
  auto files = prom_files(folder_, failed);
  if (failed) outcome.why = folder_.string() + ": " + failed.message();
  if (files.size() > kMostFiles) {
    outcome.why = folder_.string() + ": more than " + std::to_string(kMostFiles) + " files";
    files.clear();
  }
  std::erase_if(texts_, [&](const auto& item) { return !files.contains(item.first); });
  for (const std::filesystem::path& file : files) {
    if (cancel.load()) return outcome;
    std::string why = read_file(file, time_ms);
    if (!why.empty() && outcome.why.empty()) outcome.why = std::move(why);
  }
  outcome.up = outcome.why.empty();
  add({{std::string(kNameLabel), "node_textfile_scrape_error"}}, time_ms, outcome.up ? 0 : 1);
  outcome.duration_s = std::chrono::duration<double>(clock_.monotonic() - began).count();
  write(time_ms, outcome);
  return outcome;
}

void TextFiles::retire(std::int64_t time_ms) {
  tracker_.begin();
  ScrapeOutcome outcome;
  write(time_ms, outcome);
}

void TextFiles::write(std::int64_t time_ms, ScrapeOutcome& outcome) {
  // Files change seldom: new series are when there may be something new to say of them.
  if (!metadata_.empty() && (tracker_.appeared() > 0 || !described_)) {
    sink_.describe(metadata_);
    described_ = true;
  }
  const std::vector<LabeledSamples> rows = tracker_.finish(time_ms);
  WriteOutcome written;
  if (!rows.empty()) written = sink_.write(rows);
  tracker_.settle(written.state == WriteState::committed);
  outcome.samples = written.written;
  if (outcome.why.empty() && (written.state != WriteState::committed || written.refused > 0)) {
    outcome.why = "samples were refused: " + written.why;
  }
}

}  // namespace volta
