// The agent's spool: batches on disk until the server has them, in segments that go as a whole.
// Format and what crashes leave: FORMAT.md.
//
// Every call may wait for the disk and, unless it says otherwise, throws SystemFailure where that
// fails; what was written before stays readable, and the next call tries anew. Safe from any
// thread; in practice the spooler writes and the sender reads and notes runs.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "uplink/spool_scan.hpp"

namespace volta {

// One batch in the spool, or on its way there. `keyframe`: what it counts from; null where it is
// one itself, or where that is not known any more.
struct ToSpool {
  std::shared_ptr<const EncodedBatch> batch;
  std::shared_ptr<const EncodedBatch> keyframe;
};
// Series of the slots from `first` on, as of now.
using LayoutSource = std::function<std::vector<SeriesDef>(std::size_t first)>;

class Spool {
 public:
  // `series` may be called from any call that writes.
  Spool(std::filesystem::path folder, std::uint64_t limit, LayoutSource series);
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Makes the folder and locks it. Before anything else, and again if it failed.
  void open();
  // What an earlier agent has left. Files that hold nothing are removed. Once, after open().
  SpoolContent recover();
  // Whether there are segments. For who could not recover().
  [[nodiscard]] bool holds_segments() const;
  // Removes everything.
  void clear();

  // `number` as in the batch: one more than the last, or else another segment begins.
  void append(const ToSpool& batch);
  // A tick of the batch that will have this number, as TickWriter wrote it.
  void append_tick(std::uint64_t number, std::uint32_t slots, std::span<const std::byte> record);
  // Durable when it returns.
  void note_run(const SpoolRun& run);
  void note_gone(NumberSpan gone);
  void note_host(const std::string& host_id);
  // Makes all that was written durable. Nothing happens if all is.
  void sync();
  // The next batch begins another segment.
  void end_segment();

  // Null if it is not there, or cannot be read any more. Does not throw.
  std::shared_ptr<const EncodedBatch> read(std::uint64_t number);
  // That from which the batch counts which read() gave last.
  std::shared_ptr<const EncodedBatch> read_keyframe(std::uint64_t number);

  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  [[nodiscard]] std::uint64_t current_bytes() const;
  // The oldest segment that is not written to any more.
  [[nodiscard]] std::optional<SpoolSegment> oldest() const;
  // Its batches, for whoever counts what goes with them. Does not throw.
  std::vector<EncodedBatch> oldest_batches();
  void remove_oldest();
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  // Where the records of one segment lie, as far as they have been walked.
  struct Reader {
    std::uint64_t id = 0;
    UniqueFd fd;
    std::uint64_t walked = 0;
    std::map<std::uint64_t, std::uint64_t> batches;    // offset by number
    std::map<std::uint64_t, std::uint64_t> keyframes;  // copies
  };

  [[nodiscard]] std::filesystem::path path(std::uint64_t id) const;
  void begin_segment();
  void close_segment();
  void write_current(const Bytes& bytes);
  void name_series(std::uint32_t slots, Bytes& out);
  void sync_current();
  void sync_folder();
  void open_ticks_file();
  void renew_ticks_file();
  bool seek(std::uint64_t id);
  void walk();
  std::shared_ptr<const EncodedBatch> read_at(std::uint64_t offset, std::uint64_t number);

  const std::filesystem::path folder_;
  const std::uint64_t limit_;
  const std::uint64_t segment_bytes_;
  const LayoutSource series_;
  mutable std::mutex mutex_;  // guards all below
  UniqueFd lock_;
  std::deque<SpoolSegment> segments_;  // the current one, if there is one, is the last
  UniqueFd current_;
  bool current_dirty_ = false;
  bool folder_dirty_ = false;
  std::uint32_t named_ = 0;         // slots that the current segment names
  std::uint64_t key_in_force_ = 0;  // newest keyframe in the current segment
  std::uint64_t next_id_ = 1;
  std::uint64_t appended_ = 0;  // newest number in a segment
  std::vector<SpoolRun> runs_;
  NumberSet gone_;
  std::string host_id_;
  UniqueFd ticks_;
  std::uint64_t ticks_bytes_ = 0;
  bool ticks_dirty_ = false;
  std::uint64_t ticks_number_ = 0;  // of the newest tick
  Bytes open_ticks_;                // the records of this number
  Reader reader_;
};

}  // namespace volta
