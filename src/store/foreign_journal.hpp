// The journal of foreign samples as the writer's thread keeps it. Rows are read back by
// foreign_rows.hpp; sealing turns them into packs and deletes them (foreign_seal.hpp).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <unordered_set>
#include <vector>

#include "model/store.hpp"
#include "store/foreign_head.hpp"
#include "store/foreign_row.hpp"
#include "store/foreign_rows.hpp"
#include "store/series_table.hpp"

namespace volta {

// What one call of the sink wants committed, whole or not at all.
struct ForeignEntry {
  std::vector<EncodedForeignRow> rows;
  std::vector<SeriesId> series;           // rising, each once
  std::uint64_t forgotten = 0;            // SeriesTable::forgotten() before they were looked up
  std::size_t bytes = 0;                  // that it takes in the queue
  std::function<void(CommitState)> done;  // as JournalEntry's
};

// The writer's thread only.
class ForeignJournal {
 public:
  ForeignJournal(Connection& connection, SeriesTable& series, ForeignHead& head);

  // Inside the group commit's transaction. `accepted` counts rows over the whole store, and becomes
  // that of the last row. False: some of its series were forgotten since they were looked up;
  // nothing was written.
  bool insert(const ForeignEntry& entry, std::int64_t& accepted);
  // After the commit, in the order of insert(); or after it failed.
  void committed();
  void rolled_back();

  // Time of the oldest row's newest sample, empty: there is none.
  std::optional<std::int64_t> oldest_ms();
  // Those that drop() would take.
  std::vector<ForeignRowSpan> oldest(std::int64_t cutoff_ms, std::size_t most);
  // Deletes the oldest rows none of whose samples is after the cutoff, in a transaction of its
  // own; false: there was none that can be deleted.
  bool drop(std::int64_t cutoff_ms, std::size_t most);
  // Once a day, a slice of looking for series that no row and no pack has any more and of
  // forgetting them. False: nothing to do now.
  bool drop_series(std::chrono::nanoseconds now);

 private:
  void remove(std::span<const std::int64_t> rows);
  bool scan();
  bool scan_kept();
  bool forget_unused();

  Connection& connection_;
  SeriesTable& series_;
  ForeignHead& head_;
  std::unordered_set<std::int64_t> stuck_;  // rows that lie on a broken page: they cannot go
  struct Inserted {
    std::int64_t id;
    std::shared_ptr<const ForeignRow> row;
  };
  std::vector<Inserted> inserted_;               // by the transaction that is open
  std::vector<SeriesTable::Record> new_series_;  // as well

  std::optional<std::chrono::nanoseconds> next_look_;  // empty: not asked yet
  std::optional<std::int64_t> scanned_to_;             // row; empty: no scan is under way
  std::int64_t kept_to_ = 0;                           // of series_kept, the series
  std::unordered_set<SeriesId> in_use_;                // found by the scans
};

// Fills the head from the newest rows up to this one, as far as its budget and the time allow.
void rebuild_foreign_head(Connection& connection, ForeignHead& head, std::int64_t newest,
                          std::chrono::milliseconds patience);

}  // namespace volta
