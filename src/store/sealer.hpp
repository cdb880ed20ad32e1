// Seals windows of the journal in the background: an hour of a host becomes packs of samples and of
// the tiers' windows, and what the journal has of it goes.
//
// All reading and encoding is done on the sealer's thread with a connection of its own; the writer
// gets short transactions. First the packs and the mark of how far the window is sealed, then, in
// slices, the groups of the journal that lie in sealed windows as a whole. In between both are
// there, and readers see each sample once: the mark tells which journal rows are only copies. So
// kill -9 at any point loses nothing and doubles nothing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/clock.hpp"
#include "store/foreign_seal.hpp"
#include "store/pack_merge.hpp"
#include "store/row_hold.hpp"
#include "store/seal_job.hpp"
#include "store/writer.hpp"

namespace volta {

struct SealCounters {
  std::atomic<std::uint64_t> windows{0};  // sealed, late ones again
  std::atomic<std::uint64_t> samples{0};
  std::atomic<std::uint64_t> bytes{0};  // of packs written
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::uint64_t> us{0};  // spent
};

// Thread-safe.
class Sealer {
 public:
  struct Limits {
    std::int64_t grace_ms = 60'000;  // after a window's end; some more by host
    std::int64_t raw_age_ms = 0;     // 0: for ever
    bool background = true;
  };
  struct Parts {
    const Clock& clock;
    const SeriesTable& series;
    RunTable& runs;
    BadPacks& bad;
    const RowHold& hold;
    ForeignHead& foreign_head;
  };
  // Starts the thread. Everything passed must outlive it.
  Sealer(Parts parts, Writer& writer, std::unique_ptr<Connection> reader, Limits limits);
  ~Sealer();
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  // Seals what is due now and waits for it. Throws what the disk throws.
  void seal_due();
  // Seals every window as it is, the open ones too. Throws what the disk throws.
  void seal_all();
  // Ends the thread; a window that is being sealed stays as it was.
  void stop();
  [[nodiscard]] const SealCounters& counters() const { return counters_; }

 private:
  struct Group {
    std::int64_t id = 0;
    HostId host{};
    std::int64_t last_row = 0;
    std::int64_t last_accepted = 0;
    std::vector<std::int64_t> windows;  // ends of those it has ticks in
  };
  using Place = std::pair<std::int64_t, HostId>;  // window end, host
  // Late samples of a sealed window wait until no more come for a while.
  struct Pending {
    std::int64_t accepted = 0;  // of the newest row
    std::int64_t since_ms = 0;
    std::int64_t changed_ms = 0;
  };

  void loop();
  void pass(bool everything);
  std::vector<Group> find_groups();
  void find_windows(Group& group, std::int64_t min_ms, std::int64_t max_ms);
  std::vector<SealWindow> find_due(const std::vector<Group>& groups, bool everything);
  bool is_due(const Place& place, std::int64_t after, const Pending& pending) const;
  void seal(const SealWindow& window);
  void write(const SealWindow& window, Sealed& sealed);
  void seal_foreign(bool everything);
  void sweep(const std::vector<Group>& groups);
  void merge(bool everything);
  void sweep(const Group& group);
  void quarantine_bad();
  void keep_series(Connection& writer, const SealWindow& window, const Sealed& sealed);
  [[nodiscard]] bool stopping() const { return stopping_; }

  const Parts parts_;
  Writer& writer_;
  const std::unique_ptr<Connection> reader_;
  const Limits limits_;
  SealCounters counters_;

  std::mutex pass_;  // one pass at a time; guards what follows
  PackWorkshop workshop_;
  PackMerger merger_;
  ForeignSealer foreign_;
  std::int64_t next_merge_ms_ = 0;
  std::map<Place, Pending> pending_;
  std::map<std::int64_t, Group> wide_;  // by id: groups whose windows had to be read out of them
  std::unordered_map<SeriesId, std::int64_t> kept_until_;
  bool failing_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace volta
