// Gathers ticks into batches and puts finished ones into the outbox. Belongs to the collectors'
// thread, never waits for the sender, and allocates only a batch's payload once warm.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <vector>

#include "model/batch.hpp"
#include "model/tick.hpp"
#include "uplink/outbox.hpp"

namespace volta {

// What the sender wants of the batcher. Written by the one, read by the other.
struct BatchWishes {
  std::atomic<bool> live{false};      // somebody watches: every tick a batch
  std::atomic<bool> keyframe{false};  // the next batch must be one; taken back by the batcher
};

class Batcher {
 public:
  // Not more often than this, even live: a sensor may be read a thousand times a second.
  static constexpr std::chrono::milliseconds kLeastLiveGap{50};

  // `outbox` and `wishes` must live longer.
  Batcher(Outbox& outbox, BatchWishes& wishes, std::chrono::milliseconds flush)
      : outbox_(outbox), wishes_(wishes), flush_(flush), encoder_(outbox.newest()) {}

  // True if a batch was finished. `now`: CLOCK_MONOTONIC.
  bool add(const Tick& tick, std::chrono::nanoseconds now);
  // Finishes the open batch, if there is one.
  bool flush(std::chrono::nanoseconds now);

 private:
  void add_readings(std::int64_t wall_ms, std::span<const Reading> readings,
                    std::chrono::nanoseconds now);
  void note_tick(std::int64_t wall_ms, std::span<const Reading> readings);
  [[nodiscard]] bool due(std::chrono::nanoseconds at) const;

  Outbox& outbox_;
  BatchWishes& wishes_;
  const std::chrono::nanoseconds flush_;
  BatchEncoder encoder_;
  std::uint32_t slots_ = 0;
  bool finished_ = false;                            // a batch, by the current add() or flush()
  std::chrono::nanoseconds first_at_{};              // boottime of the open batch's first tick
  std::optional<std::chrono::nanoseconds> last_at_;  // of the newest tick
  std::chrono::nanoseconds period_{};                // between the last two ticks
  std::optional<std::chrono::nanoseconds> finished_at_;
  std::vector<Reading> within_;  // scratch, used only past kMostSlots
  TickWriter ticks_;             // used only where there is a spool
};

}  // namespace volta
