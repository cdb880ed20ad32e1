// Clocks are passed in, so that tests can make them jump. Intervals use boottime (it counts
// suspend); the wall clock only labels samples.
#pragma once

#include <chrono>
#include <cstdint>

namespace volta {

class Clock {
 public:
  virtual ~Clock() = default;
  // Unix time in milliseconds, UTC. May jump.
  [[nodiscard]] virtual std::int64_t wall_ms() const = 0;
  // CLOCK_BOOTTIME. Never goes back; goes on during suspend.
  [[nodiscard]] virtual std::chrono::nanoseconds boottime() const = 0;
  // CLOCK_MONOTONIC. Never goes back; stands still during suspend.
  [[nodiscard]] virtual std::chrono::nanoseconds monotonic() const = 0;
};

// The machine's clocks. Thread-safe, lives for ever.
const Clock& system_clock();

}  // namespace volta
