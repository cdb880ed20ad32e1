// One window of one host: from the journal into packs of samples and of the tiers' windows. Reads
// and encodes on the caller's thread; what is to be written comes back as a value, but for packs of
// samples of a large window, which are given away as they are made. Without the window's mark these
// are only copies of journal rows: readers may see both, and whoever seals next writes them anew.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "store/journal_row.hpp"
#include "store/pack_rows.hpp"
#include "store/pack_sink.hpp"
#include "store/run_table.hpp"
#include "store/sample_table.hpp"
#include "store/series_table.hpp"

namespace volta {

struct SealWindow {
  HostId host{};
  std::int64_t end_ms = 0;
  std::int64_t after = 0;   // what it was sealed up to before; 0: not at all
  bool tiers_only = false;  // older than samples are kept
  bool let_go = false;      // as old as what was let go for the store's size
};

struct Sealed {
  std::int64_t accepted = 0;  // up to here the window is sealed once this is written
  std::vector<NewPack> packs;
  std::vector<SeriesId> series;                  // that have samples in them
  std::vector<std::int64_t> stands_on;           // packs of samples that were read for it
  std::uint64_t samples = 0;                     // that came from the journal
  std::map<std::int64_t, VisitedGroup> visited;  // of the journal, by keyframe
};

// Where a window's samples come from that are in no pack yet. One thread.
class SealSource {
 public:
  struct Series {
    SeriesTable::Record record;
    std::uint32_t kin = 0;  // shared by variants of one series
  };
  struct Found {
    std::int64_t accepted = 0;   // later rows are another job's; below it nothing changes any more
    std::size_t points = 0;      // at least as many as the window has
    std::vector<Series> series;  // that may have samples; variants are neighbours
  };
  virtual ~SealSource() = default;
  // Once, and first.
  virtual Found find() = 0;
  // The samples of the table's series. Once for each slice.
  virtual void gather(SampleTable& table) = 0;
  // What there was to read, and how much of it is broken, after the last gather().
  [[nodiscard]] virtual std::map<std::int64_t, VisitedGroup> visited() const { return {}; }
};

// Memory is bounded: a window of many series is gathered in several goes over its journal. Throws
// SqliteFailure.
class SealJob {
 public:
  struct Parts {
    Connection& connection;  // a reader's
    const SeriesTable& series;
    BadPacks& bad;
    PackWorkshop& workshop;
    std::int64_t newest;                       // row that is committed
    std::size_t samples_of_slice = 1U << 20U;  // gathered at a time
    std::size_t bytes_of_slice = 1U << 20U;    // packs of samples that are given to `save` at once
    // Writes them. Empty: they come back with the rest.
    std::function<void(std::span<const NewPack>)> save{};
  };
  SealJob(Parts parts, SealWindow window, std::unique_ptr<SealSource> source)
      : parts_(std::move(parts)), window_(window), source_(std::move(source)) {}

  // `stop` is asked between slices; true ends it with an empty answer, and so does a pack of the
  // window that turns out to be broken: once that is put aside, the job can be done.
  std::optional<Sealed> run(const std::function<bool()>& stop);

 private:
  using Columns = std::vector<SampleTable::Column>;
  using Windows = std::map<SeriesId, WindowColumn>;
  struct TierWindows {
    Windows minutes;
    Windows hours;
  };

  void find();
  void seal_slice(std::span<const SeriesId> series);
  void add_series(SampleTable& table, std::span<const SeriesId> series);
  void save_samples(std::size_t at_least);
  void seal_tiers(const Columns& columns);
  using Ends = std::map<SeriesId, std::set<std::int64_t>>;
  [[nodiscard]] Columns stored_samples(const Columns& fresh, Ends& minutes);
  [[nodiscard]] Columns with_stored_samples(const Columns& fresh, const Columns& stored);
  void add_stored(SampleTable& table, Ends& minutes);
  [[nodiscard]] bool lost_column(SeriesId series) const {
    return lost_.contains(known_.at(series).kin);
  }
  void leave_out_lost(Columns& stored, Ends& minutes) const;
  [[nodiscard]] Windows cut_lost(Windows& windows) const;
  [[nodiscard]] bool knows_broken();
  [[nodiscard]] bool has_tiers();
  [[nodiscard]] TierWindows windows_of_all(const Columns& columns) const;
  // Of the same series.
  [[nodiscard]] Windows stored_windows(Tier tier, const Windows& of);
  void take_in_windows(const Columns& fresh, const Columns& stored, Windows& minutes,
                       Windows& hours);
  void join_stored_windows(Tier tier, Windows& windows);
  [[nodiscard]] PackRow row(Tier tier) const;
  [[nodiscard]] const SeriesDef& def(SeriesId series) const {
    return known_.at(series).record->def;
  }

  const Parts parts_;
  const SealWindow window_;
  const std::unique_ptr<SealSource> source_;
  bool has_raw_ = false;          // packs of samples of the window are there
  bool lost_raw_ = false;         // and some were, but are broken
  std::set<std::uint32_t> lost_;  // kins of which a pack has a column that is broken
  bool has_tiers_ = false;        // packs of the tiers reach into the window
  std::vector<NewPack> raw_;      // not saved yet
  std::size_t points_ = 0;
  std::vector<SeriesTable::Record> series_;  // variants are neighbours
  std::unordered_map<SeriesId, SealSource::Series> known_;
  Sealed sealed_;
};

// What the journal has of a host's window.
std::unique_ptr<SealSource> journal_source(const SealJob::Parts& parts, const SealWindow& window);

}  // namespace volta
