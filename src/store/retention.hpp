// Lets old data go, oldest first, in slices short enough to stand between two commits; then gives
// the free pages back to the file system. Whole keyframe groups only.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/clock.hpp"
#include "store/foreign_journal.hpp"
#include "store/head.hpp"
#include "store/host_table.hpp"
#include "store/run_table.hpp"
#include "store/series_table.hpp"

namespace volta {

// The writer's thread only.
class Retention {
 public:
  struct Limits {
    std::int64_t raw_age_ms = 0;  // 0: for ever
    std::int64_t size_bytes = 0;  // of the whole directory; 0: no cap
    std::int64_t wal_bytes = 0;   // part of size_bytes that is kept for the WAL
    std::filesystem::path database;
    std::vector<std::filesystem::path> copies;  // made before migrations, the oldest first
  };
  struct Parts {
    const Clock& clock;
    HostTable& hosts;
    SeriesTable& series;
    RunTable& runs;
    Head& head;
    ForeignJournal& foreign;
  };
  Retention(Connection& connection, Parts parts, Limits limits)
      : connection_(connection), parts_(parts), limits_(std::move(limits)) {}

  // One slice of work in a transaction of its own. False: there is none left. `disk_low`: also give
  // back the pages that are else kept for new data. Throws SqliteFailure.
  bool slice(bool disk_low);

 private:
  bool bury(HostId host);
  bool drop_oldest();
  std::vector<std::int64_t> oldest_groups(std::int64_t cutoff, std::size_t most);
  // `any`: also what is newer than the hosts' data, if the size asks for it.
  bool drop_foreign(bool any);
  std::int64_t oldest_of_hosts_ms();
  bool drop_runs();
  bool drop_series();
  bool drop_series_of(std::int64_t host);
  bool give_back_pages(bool disk_low);
  bool drop_copy();
  // What `pages` of the database and everything else in the directory come to, beyond the cap.
  [[nodiscard]] bool too_big(std::int64_t pages);
  // At most some thousand rows; true: the group is gone.
  bool delete_rows(std::int64_t keyframe);

  Connection& connection_;
  Parts parts_;
  Limits limits_;
  std::vector<std::int64_t> hosts_to_look_at_;    // for series without data
  std::chrono::nanoseconds next_series_look_{0};  // monotonic
};

}  // namespace volta
