// By what time data grow old, and from when on each tier holds everything.
//
// The wall clock may be wrong by years for a while, and what is deleted by age then is gone for
// good. So ages follow it at once only where it agrees with the time that passed (boottime) to an
// hour; else at most eight times as fast as the server runs, and back never later than the wall
// clock itself. A file in the data directory (ages_file.hpp) carries this over restarts.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "model/time_series.hpp"

namespace volta {

// As AgeClock keeps it.
constexpr const char* kAgeClockName = "volta.ages";

// now_ms(), believed_ms(), cutoff_ms(), kept_since_ms() and archived_to_ms() are thread-safe, all
// else is the writer's thread's.
class AgeClock {
 public:
  using Ages = std::array<std::int64_t, 3>;  // by tier, ms; 0: for ever

  // `file` is there, perhaps empty. `known_ms`: what the store itself says about when it was last
  // written, for a file that says nothing; 0: nothing either.
  AgeClock(const Clock& clock, const std::filesystem::path& file, std::int64_t known_ms, Ages ages);

  // Looks at the clocks, and now and then writes the file.
  void look();
  // Looks and writes. A file that cannot be written is the old one.
  void save();
  // What ages are counted from, as of the last look. Never later than the wall clock was then.
  [[nodiscard]] std::int64_t now_ms() const { return now_ms_; }
  // The same, but it follows the wall clock slowly back as well. What is stamped with it and
  // measured by it is no older than it can be, whichever way the wall clock jumped in between.
  [[nodiscard]] std::int64_t believed_ms() const { return believed_ms_; }
  // What ended at or before this time is too old for the tier; INT64_MIN: nothing is.
  [[nodiscard]] std::int64_t cutoff_ms(Tier tier) const;
  // Hours of the tier up to this end were deleted for the store's size.
  void note_gone(Tier tier, std::int64_t end_ms);
  // The first time of which the tier has lost nothing, neither to its age nor to the size.
  [[nodiscard]] std::int64_t kept_since_ms(Tier tier) const;
  // The samples of the hour with this end are about to leave the store for an archive. Unlike those
  // that are gone they may come back.
  void note_archived(std::int64_t end_ms);
  // The end of the last hour that ever left so; INT64_MIN: none did.
  [[nodiscard]] std::int64_t archived_to_ms() const;

 private:
  void load(std::int64_t known_ms);
  void write();
  void follow(std::int64_t wall_ms, std::int64_t passed_ms);
  [[nodiscard]] std::int64_t so_far(std::int64_t end_ms) const;

  const Clock& clock_;
  const UniqueFd file_;  // by its name another process may have another one by now
  const Ages ages_;
  std::atomic<std::int64_t> believed_ms_{0};
  std::int64_t saved_ms_ = 0;           // believed_ms_ as the file has it
  std::chrono::nanoseconds looked_{0};  // boottime
  bool apart_ = false;                  // from the wall clock, by more than an hour
  std::atomic<std::int64_t> now_ms_{0};
  std::array<std::atomic<std::int64_t>, 3> gone_ms_{INT64_MIN, INT64_MIN, INT64_MIN};
  std::atomic<std::int64_t> archived_ms_{INT64_MIN};
};

}  // namespace volta
