// Finished batches on their way to the server, until it says that they are durable.
//
// Batches stand here under the encoder's numbers, which go on rising for the life of the process;
// the sender turns them into sequence numbers of its runs. Bounded by age and bytes: when full, the
// oldest batch is dropped and counted, sent or not.
//
// Safe from any thread; in practice the collectors' thread adds and the sender's takes.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "model/batch.hpp"

namespace volta {

struct OutboxLimits {
  std::chrono::milliseconds age{600'000};  // of the oldest batch, counted from the newest
  std::size_t bytes = 8U << 20U;
};

using BatchPtr = std::shared_ptr<const EncodedBatch>;

class Outbox {
 public:
  static constexpr std::uint64_t kNoLast = std::numeric_limits<std::uint64_t>::max();

  explicit Outbox(OutboxLimits limits = {}) : limits_(limits) {}

  // Notes the series that the layout has gained. Copies only what is new.
  void learn(std::span<const SeriesDef> layout);
  // `batch.seq`: one more than the last. `now`: CLOCK_MONOTONIC.
  void add(EncodedBatch batch, std::chrono::nanoseconds now);

  // The oldest batch with a number above this and not above `last`; null if there is none.
  [[nodiscard]] BatchPtr after(std::uint64_t number, std::uint64_t last = kNoLast) const;
  // How many there are of these.
  [[nodiscard]] std::size_t count(std::uint64_t number, std::uint64_t last) const;
  // The keyframe that a batch here, or the next one to come, counts from; null if it is not known.
  [[nodiscard]] BatchPtr keyframe(std::uint64_t number) const;
  // Series of the slots from `first` on.
  [[nodiscard]] std::vector<SeriesDef> series(std::size_t first) const;

  // Takes out all above `after` up to this number. Returns the newest keyframe among them, or 0.
  std::uint64_t delivered(std::uint64_t after, std::uint64_t number);
  // Takes out this one, which the server does not want.
  void refused(std::uint64_t number);
  // The same ticks in another form. Nothing happens if it has been dropped meanwhile.
  void replace(EncodedBatch batch);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::uint64_t newest() const;  // number of the last batch added; 0: none yet
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  struct Kept {
    BatchPtr batch;
    std::chrono::nanoseconds added_at;
  };

  void pop_front();
  void forget_keyframes();

  const OutboxLimits limits_;
  mutable std::mutex mutex_;  // guards all below
  std::deque<Kept> batches_;  // in rising number
  std::size_t bytes_ = 0;
  std::map<std::uint64_t, BatchPtr> keyframes_;  // those still counted from: rarely more than two
  std::vector<SeriesDef> series_;
  std::uint64_t newest_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace volta
