// Who was there last time: turns what one scrape (or one reading of a folder) showed into what is
// to be written, with a stale marker for each series that was shown before and no longer is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/sample_sink.hpp"

namespace volta {

// One thread at a time. The order of calls: begin, add ..., finish, then settle.
class SeriesTracker {
 public:
  // A series, for as long as its tracker lives; `known` ends when it was not shown for two rounds.
  struct Entry {
    std::shared_ptr<const Labels> labels;
    std::uint64_t round = 0;  // the last that showed it
    std::size_t slot = 0;     // in what finish() returns
    bool live = false;        // written, so its end is to be marked
    bool known = true;
    bool own_times = false;  // the target gives the times: their end is its business
  };
  using Series = std::shared_ptr<Entry>;

  // The series with these labels (sorted, unique).
  Series series(Labels labels);

  void begin();
  // False: this series has this time already, or a later one; the first stays. `own_time`: the
  // target said when it was. Such series get no markers.
  bool add(const Series& series, std::int64_t time_ms, double value, bool own_time);
  // Takes back all that was added since begin(): the scrape turned out to be no good.
  void discard();
  // What to write: the samples, and markers as of `time_ms`.
  std::vector<LabeledSamples> finish(std::int64_t time_ms);
  // Whether that was committed. If not, the next finish() brings the markers again.
  void settle(bool committed);

  // Series that this round showed and the last one did not.
  [[nodiscard]] std::size_t appeared() const { return appeared_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::unordered_map<std::string, Series> entries_;
  std::vector<LabeledSamples> out_;
  std::vector<Series> shown_, ended_;
  std::uint64_t round_ = 0;
  std::size_t appeared_ = 0;
};

}  // namespace volta
