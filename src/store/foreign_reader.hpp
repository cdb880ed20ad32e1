// Foreign samples and their windows as queries see them: from packs where windows are sealed, and
// from the rows of the journal, in memory and on disk, that are no copies of what is in packs.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "model/store.hpp"
#include "store/age_clock.hpp"
#include "store/foreign_head.hpp"
#include "store/foreign_rows.hpp"
#include "store/hour_states.hpp"
#include "store/pack_rows.hpp"
#include "store/reader_pool.hpp"
#include "store/window_merge.hpp"

namespace volta {

// One look at the journal that serves several reads: rows are looked for once, and decoded once as
// far as 32 MB go. One thread; what it was made of must outlive it. Throws SqliteFailure.
class ForeignReading {
 public:
  ForeignReading(const ForeignHead& head, ReaderPool& readers, BadPacks& bad, TimeSpan span);

  // As RangeReader::read, of any part of the span.
  [[nodiscard]] std::vector<SampleColumn> read(std::span<const SeriesId> series, TimeSpan span);

 private:
  class Gathered;
  void add_rows(Connection& connection, TimeSpan span, Gathered& gathered);

  ReaderPool& readers_;
  BadPacks& bad_;
  ForeignHead::Snapshot head_;
  SealMarks marks_;
  std::vector<ForeignRowSpan> rows_;  // on disk, up to the head's floor, by id
  std::unordered_map<std::int64_t, std::unique_ptr<const ForeignRow>> decoded_;
  std::size_t decoded_bytes_ = 0;
};

// Thread-safe. Throws SqliteFailure where the disk fails.
class ForeignReader {
 public:
  ForeignReader(const ForeignHead& head, ReaderPool& readers, BadPacks& bad, const AgeClock& ages)
      : head_(head), readers_(readers), bad_(bad), ages_(ages) {}

  [[nodiscard]] ForeignReading begin(TimeSpan span) const { return {head_, readers_, bad_, span}; }
  [[nodiscard]] std::vector<SampleColumn> read(std::span<const SeriesId> series,
                                               TimeSpan span) const {
    return begin(span).read(series, span);
  }
  // As StoreReader::read_windows.
  [[nodiscard]] std::vector<WindowColumn> read_windows(std::span<const SeriesId> series,
                                                       const WindowsAsked& asked) const;
  // About how many samples all series have there: at least as many as there are.
  [[nodiscard]] std::uint64_t samples_at_most(TimeSpan span) const;
  // From when on nothing is gone of what is in no pack yet.
  [[nodiscard]] std::optional<std::int64_t> oldest_ms() const;

 private:
  enum class WindowsRead : std::uint8_t {
    all,
    some_went,        // while samples were read: again
    without_extremes  // what was counted before is told by them: again with min_and_max
  };
  // Into the tiers' windows: those of the samples of these hours, of which the tiers lack some.
  WindowsRead add_unsealed(std::span<const SeriesId> series, const WindowsAsked& asked,
                           const HourStates& hours, std::vector<WindowMerge>& windows) const;

  const ForeignHead& head_;
  ReaderPool& readers_;
  BadPacks& bad_;
  const AgeClock& ages_;
};

}  // namespace volta
