#include "uplink/batcher.hpp"

#include <algorithm>

namespace volta {
namespace {

// The decoder's dense matrix has at most this many cells (batch_codec.cpp).
constexpr std::uint64_t kMostCells = std::uint64_t{kMostSlots} * 16;

}  // namespace

bool Batcher::add(const Tick& tick, std::chrono::nanoseconds now) {
  finished_ = false;
  const auto at = tick.boottime();
  if (tick.layout().size() > slots_) {
    const std::uint32_t slots = std::min(tick.layout().size(), kMostSlots);
    if (encoder_.ticks() * std::uint64_t{slots} > kMostCells) flush(now);
    outbox_.learn(tick.layout().series());
    slots_ = slots;
  }
  period_ = last_at_ ? at - *last_at_ : std::chrono::nanoseconds(0);
  last_at_ = at;
  std::span<const Reading> readings = tick.readings();
  if (tick.layout().size() > kMostSlots) {
    within_.clear();
    std::copy_if(readings.begin(), readings.end(), std::back_inserter(within_),
                 [](const Reading& reading) { return reading.slot < kMostSlots; });
    readings = within_;
  }
  add_readings(tick.wall_ms(), readings, now);
  if (due(at)) {
    flush(now);
    finished_at_ = at;
  } else {
    note_tick(tick.wall_ms(), readings);
  }
  return finished_;
}

// A tick that does not fit into the open batch goes into the next; one that fits into none is cut
// in pieces of the same time.
void Batcher::add_readings(std::int64_t wall_ms, std::span<const Reading> readings,
                           std::chrono::nanoseconds now) {
  do {
    const bool fits =
        encoder_.ticks() == 0 ||
        (encoder_.points() + std::min(readings.size(), kMostBatchPoints) <= kMostBatchPoints &&
         (encoder_.ticks() + 1) * std::uint64_t{slots_} <= kMostCells &&
         encoder_.ticks() < kMostBatchPoints);
    if (!fits) flush(now);
    if (encoder_.ticks() == 0) first_at_ = *last_at_;
    const std::size_t count = std::min(readings.size(), kMostBatchPoints);
    encoder_.add(wall_ms, readings.first(count));
    readings = readings.subspan(count);
  } while (!readings.empty());
}

// For the spool, which is to have it though its batch is not finished. Pieces of a tick that is too
// large for one batch are with their batches, and the last piece alone is noted.
void Batcher::note_tick(std::int64_t wall_ms, std::span<const Reading> readings) {
  if (!outbox_.spooling()) return;
  const std::size_t rest = readings.size() % kMostBatchPoints;
  if (readings.size() > kMostBatchPoints) readings = readings.last(rest);
  OpenTick tick;
  tick.number = encoder_.next_seq();
  tick.slots = slots_;
  ticks_.put(tick.record, tick.number, slots_, wall_ms, readings);
  outbox_.add_tick(std::move(tick));
}

bool Batcher::due(std::chrono::nanoseconds at) const {
  // The first tick goes out at once, so that a host appears as soon as it is there.
  if (!finished_at_) return true;
  if (wishes_.live.load() && at - *finished_at_ >= kLeastLiveGap) return true;
  // Complete when the next tick would belong to the next batch. Ticks come some milliseconds early
  // or late, hence the quarter.
  return at - first_at_ + period_ + period_ / 4 >= flush_;
}

bool Batcher::flush(std::chrono::nanoseconds now) {
  if (encoder_.ticks() == 0) return false;
  if (wishes_.keyframe.exchange(false)) encoder_.force_keyframe();
  outbox_.add(encoder_.finish(slots_), now);
  finished_ = true;
  return true;
}

}  // namespace volta
