// How far the log of commits has come, and what of it is kept for those who read it to pass it on.
//
// Rows of the journals go when they are sealed, or too old, or too many. Whoever deletes sealed
// rows asks lets_go() first, so that an outage of a remote write target loses nothing; retention
// never asks. The hold is bounded: what was committed longer ago than samples are kept, or lies
// further back than so many bytes, is not held any more. How long ago is counted as ages are
// (store/age_clock.hpp), so a clock that jumps lets go of nothing. Whoever deletes rows says so
// with note_forgotten().
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/forward_log.hpp"
#include "store/age_clock.hpp"
#include "store/sqlite.hpp"

namespace volta {

// In the transaction that deletes the row, or all of the keyframe's group. Not for what goes with
// its host.
void note_forgotten(Connection& writer, std::int64_t accepted);
void note_rows_forgotten(Connection& writer, std::span<const std::int64_t> rows);
void note_group_forgotten(Connection& writer, std::int64_t keyframe);

// Thread-safe, but for what is the writer's.
class RowHold {
 public:
  // What is held for one reader at most, of the journals' payloads.
  static constexpr std::int64_t kMostBytes = std::int64_t{1} << 30;
  // Between two marks at most.
  static constexpr std::int64_t kMarkRows = 65'536;
  static constexpr std::int64_t kMarkBytes = 4 << 20;
  static constexpr std::chrono::minutes kMarkTime{10};

  struct Limits {
    std::int64_t age_ms = 0;  // 0: for ever
    std::int64_t bytes = kMostBytes;
  };
  // Whose cursors hold rows; those of others do not. Empty: everybody's.
  using Readers = std::optional<std::vector<std::string>>;
  // Both clocks must outlive it.
  RowHold(const Clock& clock, AgeClock& ages, Limits limits, const Readers& readers);
  // At start, with the writer's connection. Of numbers that a damaged database claims, those up to
  // kMostAccepted are believed, so that the count goes on above them; others are no rows' numbers.
  void load(Connection& writer);

  // The writer's: in the transaction of a group commit that brought `bytes` of payload and whose
  // last row is `accepted`; then what became of it.
  void stage(Connection& writer, std::int64_t accepted, std::int64_t bytes);
  void committed();
  void rolled_back();

  // No row has a greater number than this one, or ever had.
  [[nodiscard]] std::int64_t newest() const;
  // Whether no reader needs rows up to this one, or none that still has a right to them.
  [[nodiscard]] bool lets_go(std::int64_t accepted) const;
  // A reader's cursor was saved.
  void moved(std::string_view reader, ForwardPosition done);

 private:
  struct Mark {
    std::int64_t accepted = 0;
    std::int64_t bytes = 0;
    std::int64_t made_ms = 0;  // by ages_
  };
  // Under mutex_: the last row that nobody has a right to any more, by age or by size.
  [[nodiscard]] std::int64_t overtaken() const;
  void write_mark(Connection& writer);

  const Clock& clock_;
  AgeClock& ages_;
  const Limits limits_;
  const bool all_readers_;
  mutable std::mutex mutex_;
  std::int64_t newest_ = 0;
  std::int64_t bytes_ = 0;                          // of all commits
  std::deque<Mark> marks_;                          // rising
  std::chrono::nanoseconds marked_at_{0};           // monotonic
  std::map<std::string, std::int64_t> needs_from_;  // by reader: its first row; INT64_MAX: none yet
  struct Staged {
    std::int64_t accepted = 0;
    std::int64_t bytes = 0;
    bool mark = false;
    std::int64_t made_ms = 0;
  } staged_;
};

}  // namespace volta
