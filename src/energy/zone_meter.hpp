// Turns what one energy counter or power sensor shows into joules that only ever grow: undoes
// wraps, sets aside resets, spikes and gaps, and counts each of these repairs.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "model/tick.hpp"

namespace volta {

enum class Repair : std::uint8_t { wrap, reset, gap, spike, suspend, clock };
constexpr std::size_t kRepairKinds = 6;
std::string_view to_text(Repair repair);

// Times that cannot be read off one counter: of a tick, or of the ticks since a zone was read.
struct TickDisturbance {
  bool suspended = false;     // the machine slept since the last tick, or the last reading
  bool clock_jumped = false;  // the wall clock was set
};

class ZoneMeter {
 public:
  explicit ZoneMeter(const ZoneInfo& info) : range_uj_(info.range_uj), limit_w_(info.limit_w) {}

  // Takes a reading in. Readings of one zone come in rising time.
  void add(const ZoneReading& reading, const TickDisturbance& disturbance);
  // Forgets the last reading: what comes next has nothing to count from (a battery that is charged
  // again).
  void pause() { last_.reset(); }

  // Joules * 1e6 since the zone was first read; an energy counter starts with what it showed then.
  [[nodiscard]] std::int64_t energy_uj() const { return energy_uj_; }
  // Added by the last reading; empty if it gave none (the first one, a gap, a reset).
  [[nodiscard]] std::optional<std::int64_t> last_delta_uj() const { return delta_uj_; }
  // Mean power over the last interval, mW; empty as above.
  [[nodiscard]] std::optional<std::int64_t> power_mw() const;
  [[nodiscard]] std::uint64_t repairs(Repair kind) const {
    return repairs_.at(static_cast<std::size_t>(kind));
  }
  // True once it is plain that the counter does not count: readable, but it stood still for 10 s
  // from the first reading on (reference/hardware.md, pitfall 5). Ends with the first movement.
  [[nodiscard]] bool dead() const { return dead_; }
  // A counter has counted at least once; a power sensor has been read.
  [[nodiscard]] bool moved() const { return moved_; }
  // Between the last two readings.
  [[nodiscard]] std::chrono::nanoseconds interval() const { return interval_; }

 private:
  struct Last {
    std::uint64_t value;
    std::chrono::nanoseconds at;
  };
  std::optional<std::int64_t> counted(std::uint64_t value, std::chrono::nanoseconds interval);
  std::optional<std::int64_t> integrated(std::uint64_t power_uw, std::chrono::nanoseconds interval);
  void note(Repair kind) { ++repairs_.at(static_cast<std::size_t>(kind)); }
  [[nodiscard]] double largest_plausible_w() const;
  void watch_for_death(std::chrono::nanoseconds at);

  std::uint64_t range_uj_;
  double limit_w_;
  std::optional<Last> last_;
  bool begun_ = false;
  std::chrono::nanoseconds begun_at_{};
  bool moved_ = false;
  bool dead_ = false;
  std::int64_t energy_uj_ = 0;
  std::optional<std::int64_t> delta_uj_;
  std::chrono::nanoseconds interval_{};
  std::array<std::uint64_t, kRepairKinds> repairs_{};
};

}  // namespace volta
