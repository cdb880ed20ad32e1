// Recent samples in memory: what live pages ask for, without touching the disk. For each run it
// holds everything after some sequence number, its floor; what is at or before that is read from
// the journal. So both together are complete whatever was dropped here.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "model/store.hpp"
#include "store/head_block.hpp"
#include "store/newest_samples.hpp"

namespace volta {

// Thread-safe. Readers take shared blocks under the lock and read them outside of it. When the
// budget is used up, the oldest blocks of all hosts go first.
class Head {
 public:
  struct Limits {
    std::size_t bytes = 0;
    std::int64_t span_ms = 0;  // what was received longer ago goes
  };
  struct Snapshot {
    std::vector<std::shared_ptr<const HeadBlock>> blocks;  // those that overlap the range
    std::map<std::int64_t, std::uint64_t> floors;          // by run row; others: all is on disk
  };

  explicit Head(Limits limits) : limits_(limits) {}

  struct Committed {
    HostId host{};
    std::int64_t run_row = 0;
    std::uint64_t seq = 0;
    std::int64_t accepted = 0;
    const DecodedBatch* batch = nullptr;
    SeriesList series;
  };
  // A committed batch; those of one run come in rising sequence. A backlog older than the span is
  // left to the journal, so that it does not push out what is live.
  void append(const Committed& entry, std::int64_t now_ms);
  // For the rebuild at start, before the first append: blocks of one run from the newest backwards.
  // `floor`: what comes before them.
  void prepend(HostId host, std::vector<std::shared_ptr<const HeadBlock>> blocks,
               std::uint64_t floor);
  // Whether a rebuild has room for more.
  [[nodiscard]] bool full() const;

  [[nodiscard]] Snapshot snapshot(HostId host, std::int64_t start_ms, std::int64_t end_ms) const;
  // Without series that ended longer ago than the head's span, as of the last tidy().
  [[nodiscard]] std::vector<std::pair<SeriesId, NewestSamples>> newest(HostId host) const;
  [[nodiscard]] std::size_t bytes() const;
  void forget(HostId host);
  // Packs what nothing was added to since the last call, and lets go of what is too old.
  void tidy(std::int64_t now_ms);

 private:
  static constexpr std::size_t kDenseTicks = 8;

  // What is not sealed yet: ticks that came one by one stand dense, few of them; then they are
  // packed; and small blocks are joined into one of up to 64 ticks, so that memory per column is
  // paid once.
  struct OpenRun {
    std::vector<std::shared_ptr<const HeadBlock>> small;  // oldest first, 64 ticks at most
    std::size_t small_ticks = 0;
    HeadBlockBuilder dense{kDenseTicks};  // after these
    std::uint64_t floor = 0;
    std::uint64_t last_seq = 0;
    std::size_t blocks = 0;  // sealed ones
    bool idle = false;       // since the last tidy()
    SeriesList series;

    [[nodiscard]] bool empty() const { return small.empty() && dense.ticks() == 0; }
  };
  struct HostHead {
    std::deque<std::shared_ptr<const HeadBlock>> blocks;  // oldest first
    std::map<std::int64_t, OpenRun> runs;                 // by run row
    NewestTable newest;
  };
  // The run being added to, and when.
  struct Place {
    HostId host;
    HostHead& head;
    OpenRun& run;
    std::int64_t run_row;
    std::int64_t now_ms;
  };
  void add_short(const Place& place, const Committed& entry);
  void add_long(const Place& place, const Committed& entry);
  void add_small(const Place& place, std::shared_ptr<HeadBlock> block);
  void pack(const Place& place);  // what stands dense
  void seal(const Place& place);  // all of the run
  void join(const Place& place);  // the small blocks
  void evict(std::int64_t now_ms);
  void evict_front(HostHead& head);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::unordered_map<HostId, HostHead> hosts_;
  std::deque<HostId> order_;  // one entry per sealed block, oldest first
  std::size_t bytes_ = 0;     // of sealed and open blocks
};

}  // namespace volta
