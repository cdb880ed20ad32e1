// Turns queued batches into one transaction: new series, slots, journal rows and each run's
// high-water mark together, or nothing of them.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "store/foreign_journal.hpp"
#include "store/head.hpp"
#include "store/host_table.hpp"
#include "store/metric_notes.hpp"
#include "store/row_hold.hpp"
#include "store/run_table.hpp"
#include "store/series_table.hpp"

namespace volta {

// The writer's thread only.
class Committer {
 public:
  struct Parts {
    const Clock& clock;
    HostTable& hosts;
    SeriesTable& series;
    RunTable& runs;
    Head& head;
    ForeignJournal& foreign;
    MetricNotes& notes;
    RowHold& hold;
  };
  struct States {
    std::vector<CommitState> batches;
    std::vector<CommitState> foreign;
  };
  Committer(Connection& connection, Parts parts);

  // One state per entry, all in one transaction. A batch at or below its run's high-water mark is
  // committed already; one whose host is gone, whose keyframe is not in force or whose slots
  // contradict the run is failed. Throws SqliteFailure: then nothing was committed and nothing in
  // memory has changed.
  States commit(std::span<const JournalEntry> entries, std::span<const ForeignEntry> foreign);

 private:
  struct Staged {
    std::map<RunKey, RunEntry> runs;
    std::vector<SeriesTable::Record> series;
    std::vector<Head::Committed> committed;
  };
  CommitState stage(const JournalEntry& entry, Staged& staged);
  RunEntry& run_of(const JournalEntry& entry, Staged& staged);
  void insert_run(const RunKey& key, RunEntry& run);
  void insert_slots(const JournalEntry& entry, RunEntry& run, Staged& staged);
  void begin_group(const JournalEntry& entry, RunEntry& run);
  void insert_batch(const JournalEntry& entry, RunEntry& run);
  void write_run(const RunEntry& run);

  Connection& connection_;
  Parts parts_;
  std::int64_t accepted_;  // of the last row of either journal
};

}  // namespace volta
