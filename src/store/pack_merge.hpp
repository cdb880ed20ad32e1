// Few long packs out of many short ones: six hours of the minute tier; a day, then thirty days of
// the hour tier; an hour of samples that came in several goes. Answers stay the same, only bytes
// and reads become fewer. The sealer's thread.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "store/pack_sink.hpp"
#include "store/series_table.hpp"
#include "store/writer.hpp"

namespace volta {

class PackMerger {
 public:
  struct Parts {
    Connection& connection;  // a reader's
    const SeriesTable& series;
    BadPacks& bad;
    PackWorkshop& workshop;
    Writer& writer;
  };
  explicit PackMerger(Parts parts) : parts_(parts) {}

  // A window got samples another time.
  void note_late(HostId host, std::int64_t end_ms) { ++late_[{end_ms, host}]; }
  // What is worth it; with `everything` all that there is. `stop` is asked between two merges.
  // Answers how many bytes it wrote. Throws SqliteFailure.
  std::uint64_t pass(std::int64_t now_ms, bool everything, const std::function<bool()>& stop);

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
  std::vector<Period> find_due(std::int64_t now_ms, bool everything);
  bool is_worth_it(const Period& period, bool everything);
  std::uint64_t merge(const Period& period);
  std::vector<PackRow> rows_of(const Period& period);
  void merge_samples(const Period& period, PackSink& sink, SeriesId first, SeriesId last);
  void merge_windows(const Period& period, PackSink& sink, SeriesId first, SeriesId last);
  void visit(const Period& period, SeriesId first, SeriesId last,
             const std::function<void(const OpenPack&)>& visit);

  const Parts parts_;
  std::map<std::pair<std::int64_t, HostId>, std::size_t> late_;  // how often, since the last merge
};

}  // namespace volta
