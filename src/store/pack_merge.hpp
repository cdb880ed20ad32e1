// Few long packs out of many short ones: six hours of the minute tier; a day, then thirty days of
// the hour tier; an hour of samples that came in several goes. Answers stay the same, only bytes
// and reads become fewer. What lies beside a broken column stays as it is: merged, it would hide
// that something is missing, or take the place of what is older than the column and newer than
// itself. The sealer's thread.
//
// Looked at is what got packs since the last look, by the rows alone; packs are read to be merged.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "base/clock.hpp"
#include "store/pack_sink.hpp"
#include "store/series_table.hpp"
#include "store/writer.hpp"

namespace volta {

class PackMerger {
 public:
  struct Parts {
    Connection& connection;  // a reader's
    const Clock& clock;
    const SeriesTable& series;
    BadPacks& bad;
    PackWorkshop& workshop;
    Writer& writer;
  };
  explicit PackMerger(Parts parts) : parts_(parts) {}

  // What is worth it; with `everything` all that there is. `stop` is asked between two merges.
  // Answers how many bytes it wrote. A merge that fails is tried again later, and the others go on;
  // then throws what was thrown first.
  std::uint64_t pass(bool everything, const std::function<bool()>& stop);

 private:
  // Rows of this tier and host with end_ms - span_ms < end of row <= end_ms become one.
  struct Period {
    Tier tier = Tier::raw;
    HostId host{};
    std::int64_t end_ms = 0;
    std::int64_t span_ms = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): of the compiler's
    auto operator<=>(const Period&) const = default;
  };
  struct Retry {
    int failures = 0;
    std::chrono::nanoseconds at{0};  // monotonic
  };
  void look(bool everything);
  void note(Tier tier, HostId host, std::int64_t end_ms, std::int64_t span_ms);
  std::vector<Period> find_due(bool everything);
  bool look_at(const Period& period, bool everything, std::uint64_t& bytes);
  bool is_worth_it(const Period& period, const std::vector<PackRow>& rows, bool everything);
  void note_failure(const Period& period, const std::exception& failure);
  // Empty: a source has a column that is broken.
  std::vector<NewPack> merged(const Period& period, const std::vector<PackRow>& rows);
  std::vector<PackRow> rows_of(const Period& period, std::int64_t& bytes);
  void merge_samples(const Period& period, PackSink& sink, SeriesId first, SeriesId last);
  void merge_windows(const Period& period, PackSink& sink, SeriesId first, SeriesId last);
  void visit(const Period& period, SeriesId first, SeriesId last,
             const std::function<void(const OpenPack&)>& visit);

  const Parts parts_;
  std::int64_t seen_ = -1;  // packs up to this id; -1: none was looked for yet
  std::set<Period> open_;   // that got packs since they were looked at last
  std::map<Period, Retry> failed_;
  bool met_broken_ = false;  // a column, in the merge at hand
};

}  // namespace volta
