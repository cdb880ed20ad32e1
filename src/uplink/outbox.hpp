// Finished batches on their way to the server, until it says that they are durable.
//
// Batches stand here under the encoder's numbers, which go on rising for the life of the process,
// and of its spool; the sender turns them into sequence numbers of its runs. Memory is bounded by
// age and bytes: when full, the oldest batch is dropped and counted, sent or not. With a spool,
// memory holds the newest batches and what is not on disk yet; the rest is read from there, one by
// one.
//
// Safe from any thread; in practice the collectors' thread adds, the sender's takes and the
// spooler's writes down. The collectors' thread never waits for the disk here: nothing is read or
// written while the mutex is held.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "model/batch.hpp"
#include "uplink/number_set.hpp"
#include "uplink/spool.hpp"

namespace volta {

struct OutboxLimits {
  std::chrono::milliseconds age{600'000};  // of the oldest batch, counted from the newest
  std::size_t bytes = 8U << 20U;
  std::size_t beside_disk = 256U << 10U;  // of what is on disk as well
};

using BatchPtr = std::shared_ptr<const EncodedBatch>;

// Where batches lie that memory does not hold. The sender's thread; may wait for the disk, never
// throws.
class Shelf {
 public:
  virtual ~Shelf() = default;
  // Null: it cannot be read.
  virtual BatchPtr read(std::uint64_t number) = 0;
  // That which the batch counts from that was read last.
  virtual BatchPtr read_keyframe(std::uint64_t number) = 0;
  virtual void note_run(const SpoolRun& run) = 0;
  virtual void note_host(const std::string& host_id) = 0;
};

// A tick of a batch that is not finished.
struct OpenTick {
  std::uint64_t number = 0;
  std::uint32_t slots = 0;
  Bytes record;
};

// What was dropped with a part of the disk.
struct DroppedBatches {
  std::uint64_t batches = 0;
  std::uint64_t samples = 0;
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
};

class Outbox {
 public:
  static constexpr std::uint64_t kNoLast = std::numeric_limits<std::uint64_t>::max();

  explicit Outbox(OutboxLimits limits = {}) : limits_(limits) {}

  // Before all else: `shelf` has, or will have, what this says. It must live longer.
  void attach(Shelf& shelf, const SpoolContent& content, std::chrono::nanoseconds now);
  [[nodiscard]] bool spooling() const { return shelf_ != nullptr; }

  // Notes the series that the layout has gained. Copies only what is new.
  void learn(std::span<const SeriesDef> layout);
  // `batch.seq`: more than the last. `now`: CLOCK_MONOTONIC.
  void add(EncodedBatch batch, std::chrono::nanoseconds now);
  // Only for the spool. Dropped without a word where that is far behind.
  void add_tick(OpenTick tick);

  // The oldest batch with a number above this and not above `last`; null if there is none. May read
  // it from disk.
  [[nodiscard]] BatchPtr after(std::uint64_t number, std::uint64_t last = kNoLast);
  // How many there are of these.
  [[nodiscard]] std::size_t count(std::uint64_t number, std::uint64_t last) const;
  // The keyframe that a batch here, or the next one to come, counts from; null if it is not known.
  // Of a batch on disk: right after after() gave it.
  [[nodiscard]] BatchPtr keyframe(std::uint64_t number) const;
  // Series of the slots from `first` on.
  [[nodiscard]] std::vector<SeriesDef> series(std::size_t first) const;

  // Takes out all above `after` up to this number. Returns the newest keyframe among them, or 0.
  std::uint64_t delivered(std::uint64_t after, std::uint64_t number);
  // Takes out this one, which the server does not want.
  void refused(std::uint64_t number);
  // Takes these out because nobody will have them. Returns how many there were.
  std::uint64_t drop(NumberSpan numbers);
  // The same ticks in another form. Nothing happens if memory has it no more.
  void replace(EncodedBatch batch);
  void note_run(const SpoolRun& run);
  void note_host(const std::string& host_id);

  // The spooler's side. The oldest batch that is to be written down; null: none.
  [[nodiscard]] ToSpool to_spool() const;
  // That one is on disk.
  void spooled(std::uint64_t number);
  [[nodiscard]] std::vector<OpenTick> take_ticks();
  // What was taken out since the last call.
  [[nodiscard]] std::vector<NumberSpan> take_gone();
  // These go from the disk, all up to the last of `numbers`. Counts what is lost by it.
  DroppedBatches leave_disk(NumberSpan numbers, const std::vector<EncodedBatch>& batches);

  [[nodiscard]] std::size_t size() const { return count(0, kNoLast); }
  [[nodiscard]] std::uint64_t newest() const;  // number of the last batch added; 0: none yet
  // Batches that nobody had, and nobody will.
  [[nodiscard]] std::uint64_t dropped() const;
  [[nodiscard]] std::uint64_t dropped_in_memory() const;

 private:
  struct Kept {
    BatchPtr batch;
    std::chrono::nanoseconds added_at;
  };

  void pop_front();
  void keep_within(std::chrono::nanoseconds now);
  void forget_keyframes();
  void take_out(NumberSpan numbers);
  [[nodiscard]] std::uint64_t pending(std::uint64_t number, std::uint64_t last) const;
  [[nodiscard]] std::uint64_t next_on_disk(std::uint64_t number) const;

  const OutboxLimits limits_;
  Shelf* shelf_ = nullptr;    // set before any thread
  mutable std::mutex mutex_;  // guards all below
  std::deque<Kept> batches_;  // in rising number
  std::size_t bytes_ = 0;
  std::map<std::uint64_t, BatchPtr> keyframes_;  // those still counted from: rarely more than two
  std::vector<SeriesDef> series_;
  std::uint64_t newest_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_from_disk_ = 0;

  // With a spool only.
  std::deque<ToSpool> to_spool_;
  std::size_t to_spool_bytes_ = 0;
  std::vector<OpenTick> ticks_;
  std::size_t tick_bytes_ = 0;
  NumberSet disk_;                             // what is on disk, taken out or not
  NumberSet gone_;                             // what was taken out
  std::vector<std::uint64_t> disk_keyframes_;  // rising
  std::vector<NumberSpan> new_gone_;
};

}  // namespace volta
