// Lets old data go, oldest first, in slices short enough to stand between two commits; then gives
// the free pages back to the file system. Whole keyframe groups only.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "model/time_series.hpp"
#include "store/age_clock.hpp"
#include "store/foreign_journal.hpp"
#include "store/head.hpp"
#include "store/host_table.hpp"
#include "store/run_table.hpp"
#include "store/series_table.hpp"

namespace volta {

// Deletes at most some thousand rows of a group; true: the group is gone. What is left of it stays
// readable. The writer's thread only, within a transaction.
bool delete_group_rows(Connection& connection, std::int64_t keyframe);

// The writer's thread only.
class Retention {
 public:
  struct Limits {
    AgeClock::Ages age_ms{};  // by tier; 0: for ever
    bool seals = true;  // the sealer lets go of old journal rows: their windows are kept in tiers
    std::int64_t size_bytes = 0;  // of the whole directory; 0: no cap
    unsigned size_percent = 0;    // of the disk, where that gave the cap; 0: it does not change
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
    AgeClock& ages;
  };
  Retention(Connection& connection, Parts parts, Limits limits)
      : connection_(connection), parts_(parts), limits_(std::move(limits)) {}

  // One slice of work in a transaction of its own. False: there is none left. `disk_low`: also give
  // back the pages that are else kept for new data. Throws SqliteFailure.
  bool slice(bool disk_low);
  // A cap that is a share rises with its disk, so that who made room for a full store keeps what is
  // in it. It does not sink: what a smaller disk has no room for is refused, not deleted.
  void follow_disk(std::int64_t total_bytes);
  // Before the store closes: so far time has come.
  void close() { parts_.ages.save(); }

 private:
  bool bury(HostId host);
  bool drop_oldest();
  bool drop_for_size();
  bool drop_packs(Tier tier, std::int64_t cutoff, std::int64_t most);
  bool drop_seals();
  bool bury_packs(std::int64_t host);
  [[nodiscard]] std::int64_t kept_since_ms() const;
  [[nodiscard]] std::int64_t cutoff_ms(Tier tier) const { return parts_.ages.cutoff_ms(tier); }
  bool drop_groups(std::span<const std::int64_t> groups);
  bool drop_group_for_size(std::span<const std::int64_t> groups);  // one at most
  std::optional<std::int64_t> group_max_ms(std::int64_t keyframe);
  std::vector<std::int64_t> oldest_groups(std::int64_t cutoff, std::size_t most);
  bool drop_runs();
  bool drop_series();
  bool drop_series_of(std::int64_t host);
  bool give_back_pages(bool disk_low);
  bool drop_copy();
  void tell_of_size();
  // What `pages` of the database and everything else in the directory come to, beyond the cap.
  [[nodiscard]] bool too_big(std::int64_t pages);

  Connection& connection_;
  Parts parts_;
  Limits limits_;
  std::vector<std::int64_t> hosts_to_look_at_;            // for series without data
  std::chrono::nanoseconds next_series_look_{0};          // monotonic
  std::optional<std::chrono::nanoseconds> told_of_size_;  // monotonic
};

}  // namespace volta
