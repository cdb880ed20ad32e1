// One read of a host's samples in progress: what the head, the journal and packs have of the asked
// series is gathered, then shown series by series.
#pragma once

#include <map>

#include "model/time_series.hpp"
#include "store/head.hpp"
#include "store/packed_columns.hpp"
#include "store/series_table.hpp"

namespace volta {

struct JournalRow;

// One thread. First the marks, then the rest in any order, but packs after the journal: a window
// that is sealed meanwhile is then in one of both. Throws SqliteFailure.
class RangeRead {
 public:
  RangeRead(const SeriesTable& table, HostId host, std::span<const SeriesId> series, TimeSpan span,
            ReadScratch& scratch);

  // What packs have of these is passed over below.
  void read_marks(Connection& connection);
  // `floors`: of runs, the last sequence that is not in the head.
  void add_journal(Connection& connection, const std::map<std::int64_t, std::uint64_t>& floors);
  void add_packs(Connection& connection, BadPacks& bad);
  void add(const HeadBlock& block);

  // Calls visit(index of the asked, its samples) for each in the order asked; false: it wanted no
  // more. The slice lives until visit returns.
  bool each(BadPacks& bad, const SeriesSource::VisitSamples& visit);

 private:
  // Where the samples of a series id go, and how its bits are read.
  struct Target {
    std::size_t column = 0;
    ValueType type = ValueType::int64;
    std::int8_t scale = 0;
  };
  struct WantedSlot {
    Slot slot = 0;
    Target target;
  };

  void add_series(const SeriesTable& table, SeriesId id);
  [[nodiscard]] std::vector<WantedSlot> wanted(const std::vector<SeriesId>& slots) const;
  void add(const JournalRow& row, const std::vector<WantedSlot>& slots);
  [[nodiscard]] bool in_packs(TimeSpan times, std::int64_t accepted) const;
  [[nodiscard]] bool group_in_packs(Connection& connection, std::int64_t group,
                                    TimeSpan times) const;
  [[nodiscard]] bool inside(std::int64_t time_ms) const {
    return span_.start_ms <= time_ms && time_ms <= span_.end_ms;
  }
  [[nodiscard]] SampleSlice clipped(const SampleSlice& samples) const;
  SampleSlice samples_of(std::size_t column, BadPacks& bad);

  HostId host_;
  TimeSpan span_;
  std::map<SeriesId, Target> targets_;
  std::vector<std::size_t> column_of_asked_;
  std::vector<GrowingColumn> columns_;  // from the journal and the head
  PackedColumns packed_;
  SealMarks marks_;
  SeriesList wanted_of_;  // whose wanted slots these are
  std::vector<WantedSlot> wanted_;
  SampleColumn sorted_;  // of the column that was shown last, if it had to be
};

}  // namespace volta
