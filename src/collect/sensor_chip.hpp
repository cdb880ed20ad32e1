// What hwmon chips and thermal zones have in common: a device with a few numbers, each a file, some
// of them slow. A chip that takes long (behind firmware, a bus, or a disk's command queue) is read
// on a slow lane and shown one period late; the others are read where they are shown.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "collect/scalar_file.hpp"
#include "collect/slow_lane.hpp"
#include "model/tick.hpp"

namespace volta {

enum class ChannelKind : std::uint8_t { temperature, fan, voltage, power, energy };

struct ChannelSpec {
  ChannelKind kind;
  std::string sensor;  // label
  std::string path;    // of the number
  ZoneInfo zone;       // power and energy only
};

struct ChipSpec {
  std::string chip;   // label
  bool slow = false;  // known to be slow, from the start
  std::string sleep;  // a power/runtime_status file: while it says "suspended", reading the chip
                      // would wake the device; "" if that is no question
  bool zero_is_void = false;  // 0 means that nothing is measured (thermal zones)
  std::vector<ChannelSpec> channels;
};

// How often collectors of chips look for new ones; and when one is gone. Drivers that answer ENODEV
// for ever are no reason to hurry.
inline constexpr std::chrono::seconds kRescan(60);
inline constexpr std::chrono::seconds kRescanGone(10);

class SensorChip;

// The chips of one collector. One thread, as Collector::sample.
class SensorChips {
 public:
  // `live` false (a recorded host): no lane, all is read in place. `clock` must outlive this.
  SensorChips(const Clock& clock, bool live);
  ~SensorChips();

  // Replaces all chips; reads those on the lane once (waiting for them at most a little).
  void open(std::vector<ChipSpec> chips);
  // Sets the readings. True if a device went away, so that it is time to look anew.
  bool sample(Tick& out);
  [[nodiscard]] bool empty() const { return chips_.empty(); }
  [[nodiscard]] std::uint64_t skipped() const;

 private:
  const Clock* clock_;
  std::unique_ptr<SlowLane> lane_;
  std::vector<std::shared_ptr<SensorChip>> chips_;
  std::uint64_t skipped_before_ = 0;  // by chips that are replaced
};

}  // namespace volta
