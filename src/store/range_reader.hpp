// Samples of any range: the head's blocks, for what is older the journal, and packs where windows
// are sealed.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "model/time_series.hpp"
#include "store/age_clock.hpp"
#include "store/head.hpp"
#include "store/packed_columns.hpp"
#include "store/reader_pool.hpp"
#include "store/series_table.hpp"
#include "store/wide_groups.hpp"

namespace volta {

// Scratch for whoever reads next. Thread-safe.
class ScratchPool {
 public:
  std::unique_ptr<ReadScratch> take();
  void give_back(std::unique_ptr<ReadScratch> scratch);

 private:
  static constexpr std::size_t kMostKept = 4;
  static constexpr std::size_t kMostBytes = 8U << 20U;  // of one that is kept
  std::mutex mutex_;
  std::vector<std::unique_ptr<ReadScratch>> free_;
};

// Thread-safe. Throws SqliteFailure where the disk fails.
class StoreReader final : public RangeReader {
 public:
  struct Parts {
    const SeriesTable& series;
    const Head& head;
    ReaderPool& readers;
    BadPacks& bad;
    const AgeClock& ages;
  };
  explicit StoreReader(const Parts& parts)
      : series_(parts.series),
        head_(parts.head),
        readers_(parts.readers),
        bad_(parts.bad),
        ages_(parts.ages) {}

  // Calls visit(index in `series`, its samples in the span) once for each, in their order; false:
  // it wanted no more. One series at a time is in memory as numbers.
  bool visit(HostId host, std::span<const SeriesId> series, TimeSpan span,
             const SeriesSource::VisitSamples& visit) const;
  [[nodiscard]] std::vector<SampleColumn> read(HostId host, std::span<const SeriesId> series,
                                               std::int64_t start_ms,
                                               std::int64_t end_ms) const override;
  [[nodiscard]] std::vector<LatestSample> latest(HostId host) const override;
  [[nodiscard]] std::optional<std::int64_t> oldest_ms(HostId host) const override;
  // About how many samples all series of the host have there: at least as many as it has.
  [[nodiscard]] std::uint64_t samples_at_most(HostId host, TimeSpan span) const;
  // Of all hosts. Of what is sealed: the first time that its oldest window may hold.
  [[nodiscard]] std::optional<std::int64_t> oldest_ms() const;
  // From when on the tier holds everything there is. What is older than the tier is kept may still
  // be there, as a group in force with one old tick; it says nothing of what came after it.
  [[nodiscard]] std::optional<std::int64_t> oldest_ms(Tier tier) const;
  // Windows of the tier with an end in the span, a column per asked series in the order asked;
  // those of hours that are not sealed are made from samples. `increase` of a gauge may be NaN: it
  // is kept of counters only.
  [[nodiscard]] std::vector<WindowColumn> read_windows(HostId host,
                                                       std::span<const SeriesId> series,
                                                       const WindowsAsked& asked) const;

 private:
  // From when on, not before `oldest_ms`, each hour that was archived has samples again.
  [[nodiscard]] std::int64_t whole_since_ms(std::int64_t oldest_ms) const;

  const SeriesTable& series_;
  const Head& head_;
  ReaderPool& readers_;
  BadPacks& bad_;
  const AgeClock& ages_;
  mutable WideGroups wide_;
  mutable ScratchPool scratch_;
};

// Fills the head from the newest groups of the journal, as far as its budget and the time allow.
void rebuild_head(Connection& connection, Head& head, std::int64_t oldest_ms,
                  std::chrono::milliseconds patience);

}  // namespace volta
