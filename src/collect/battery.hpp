// Batteries and mains adapters (Linux sysfs-class-power). A battery gives power and energy, or
// current and charge; current_now is negative while discharging with some drivers; 0 and -1 stand
// for unknown. Each reading may ask the embedded controller, which takes tens of milliseconds.
#pragma once

#include <cstdint>
#include <optional>

namespace volta {

// The files of one battery as they are: uW, uA, uV, uWh, uAh, percent. Empty: not there.
struct BatteryFiles {
  bool discharging = false;
  bool charging = false;
  std::optional<std::int64_t> power_now, current_now, voltage_now, voltage_min_design;
  std::optional<std::int64_t> energy_now, energy_full, energy_full_design;
  std::optional<std::int64_t> charge_now, charge_full, charge_full_design;
  std::optional<std::int64_t> capacity, cycle_count;
};

// What they say. Empty: unknown.
struct BatteryState {
  std::optional<std::int64_t> charge_ratio;              // 1/10000
  std::optional<std::int64_t> energy, capacity, design;  // 1/10000 J
  std::optional<std::int64_t> power_uw;                  // out of or into it, never negative
  std::optional<std::int64_t> voltage_uv;
  std::optional<std::int64_t> cycles;
};
BatteryState to_state(const BatteryFiles& files);

}  // namespace volta
