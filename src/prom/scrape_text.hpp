// What the parsers of exposition formats have in common: the sink they fill, their limits, and the
// memory of series that makes a scrape every second cheap.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "model/time_series.hpp"

namespace volta {

struct ScrapeLimits {
  std::size_t longest_line = 64U << 10U;
  std::size_t most_labels = 128;  // of a series
  std::size_t longest_name = 1024;
  std::size_t longest_value = 4096;  // of a label
  std::size_t most_samples = 1'000'000;
  std::size_t most_series_bytes = 256U << 20U;  // that SeriesTexts may hold
};

struct ScrapedSample {
  // Sorted, `__name__` among them. While a series keeps coming in the same words its pointer stays
  // the same, so it may serve as a key by those who hold it too.
  const std::shared_ptr<const Labels>* labels = nullptr;
  double value = 0;
  std::optional<std::int64_t> time_ms;  // empty: as of the scrape
};

class ScrapeSink {
 public:
  virtual ~ScrapeSink() = default;
  virtual void sample(const ScrapedSample& sample) = 0;
  // For each family of whose type, help or unit something is said, when that is all said. Twice
  // where a text says it in two places.
  virtual void metadata(const MetricMetadata& metric) = 0;
};

struct ScrapeTotals {
  std::size_t samples = 0;
  std::size_t exemplars = 0;  // read over
};

// The series of one target by their text in its body (`name{a="1"}`). It expects the series in the
// order of the last scrape, so that finding one is a comparison of bytes and nothing else. What
// one whole scrape did not show is forgotten. One thread at a time.
class SeriesTexts {
 public:
  struct Entry {
    std::string text;
    std::size_t name_bytes = 0;  // how much of `text` is the metric's name
    std::shared_ptr<const Labels> labels;
    std::uint64_t scrape = 0;   // the last that showed it
    Entry* follower = nullptr;  // what came after it then
  };

  // Around each body. One that was broken off (no end()) leaves all as it was before: it makes
  // nothing be forgotten, and what only it had is not kept.
  void begin();
  void end();

  // The entry with whose text `rest` begins, if it is the one expected next and a blank follows.
  const Entry* expected(std::string_view rest);
  // By the whole text; null if it is new.
  const Entry* find(std::string_view text);
  // Null: beyond `most_bytes`; then all is forgotten.
  const Entry* add(std::string_view text, std::size_t name_bytes,
                   std::shared_ptr<const Labels> labels, std::size_t most_bytes);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  const Entry* show(Entry* entry);
  void forget_fresh();
  void forget_unseen();
  template <typename Gone>
  void forget(const Gone& gone);

  std::unordered_map<std::string_view, std::unique_ptr<Entry>> entries_;
  Entry* first_ = nullptr;
  Entry* last_ = nullptr;      // shown last in this scrape
  std::vector<Entry*> fresh_;  // added since the last end()
  std::uint64_t scrape_ = 1;
  std::size_t seen_ = 0;  // in this scrape
  std::size_t bytes_ = 0;
};

}  // namespace volta
