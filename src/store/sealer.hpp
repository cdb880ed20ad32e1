// Seals windows of the journal in the background: an hour of a host becomes packs of samples and of
// the tiers' windows, and what the journal has of it goes.
//
// All reading and encoding is done on the sealer's thread with a connection of its own; the writer
// gets short transactions. First packs of samples, some at a time; then, in one, the rest of them,
// the tiers' windows and the mark of how far the window is sealed; then, in slices, the groups of
// the journal that lie in sealed windows as a whole. In between samples are there twice, and
// readers see each once: without the mark the journal is read as well, and the same sample wins;
// with it journal rows up to it are only copies. So kill -9 at any point loses nothing and doubles
// nothing.
//
// What goes wrong with one window is counted, logged once and tried again later; the others go on.
// One that could not be sealed for an hour and is older than samples are kept is given up.
// A group with rows that do not decode is not deleted before it is older than samples are kept.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.hpp"
#include "store/age_clock.hpp"
#include "store/foreign_seal.hpp"
#include "store/pack_merge.hpp"
#include "store/row_hold.hpp"
#include "store/seal_backlog.hpp"
#include "store/seal_job.hpp"
#include "store/seal_troubles.hpp"
#include "store/writer.hpp"

namespace volta {

struct SealCounters {
  std::atomic<std::uint64_t> windows{0};  // sealed, late ones again
  std::atomic<std::uint64_t> samples{0};
  std::atomic<std::uint64_t> bytes{0};  // of packs written
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::uint64_t> damaged_rows{0};  // of foreign samples, left out
  std::atomic<std::uint64_t> us{0};            // spent
};

// Thread-safe.
class Sealer {
 public:
  struct Limits {
    std::int64_t grace_ms = 60'000;  // after a window's end; some more by host
    bool background = true;
    std::size_t samples_of_slice = 1U << 20U;  // of a window, gathered at a time
    std::size_t bytes_of_slice = 1U << 20U;    // of packs of samples, written at a time
  };
  struct Parts {
    const Clock& clock;
    const SeriesTable& series;
    RunTable& runs;
    BadPacks& bad;
    const AgeClock& ages;
    const RowHold& hold;
    ForeignHead& foreign_head;
  };
  // Starts the thread. Everything passed must outlive it.
  Sealer(Parts parts, Writer& writer, std::unique_ptr<Connection> reader, Limits limits);
  ~Sealer();
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  // Seals what is due now and waits for it. Goes on where a window fails, then throws what was
  // thrown first.
  void seal_due();
  // Seals every window as it is, the open ones too. Throws the same, and where the store takes no
  // data: then some, or all, are not sealed.
  void seal_all();
  // Ends the thread; a window that is being sealed stays as it was.
  void stop();
  [[nodiscard]] const SealCounters& counters() const { return counters_; }

 private:
  void loop();
  // The first failure of a window; null: there was none. Throws what concerns all of them.
  std::exception_ptr pass(bool everything);
  std::exception_ptr seal_windows(const std::vector<SealWindow>& windows);
  std::exception_ptr seal_foreign(bool everything);
  void seal(const SealWindow& window);
  // Empty: it was stopped.
  std::optional<Sealed> run_job(const SealWindow& window);
  void note_failure(const SealWindow& window, const std::exception& failure);
  [[nodiscard]] bool is_hopeless(const SealWindow& window);
  void give_up(const SealWindow& window);
  void save_samples(const SealWindow& window, std::span<const NewPack> packs);
  // False: what the job stands on is gone, and it is to be done anew.
  bool write(const SealWindow& window, const Sealed& sealed);
  void keep_series(Connection& writer, const SealWindow& window, const Sealed& sealed);
  void sweep();
  enum class Swept : std::uint8_t { gone, in_part, kept };
  static Swept sweep(Connection& writer, const SealBacklog::SealedGroup& group);
  bool keeps_broken(const SealBacklog::SealedGroup& group);
  void merge(bool everything);
  void quarantine_bad();
  [[nodiscard]] bool stopping() const { return stopping_; }

  const Parts parts_;
  Writer& writer_;
  const std::unique_ptr<Connection> reader_;
  const Limits limits_;
  SealCounters counters_;

  std::mutex pass_;  // one pass at a time; guards what follows
  PackWorkshop workshop_;
  PackMerger merger_;
  SealBacklog backlog_;
  ForeignSealer foreign_;
  SealTroubles troubles_;
  std::int64_t next_merge_ms_ = 0;
  std::vector<std::int64_t> saved_;  // packs of samples, of the window being sealed; rising
  std::unordered_map<SeriesId, std::int64_t> kept_until_;
  std::unordered_set<std::int64_t> broken_groups_;  // that were logged

  bool failing_ = false;  // the thread's own

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace volta
