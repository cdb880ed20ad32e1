// RAPL energy counters in /sys/class/powercap (Linux drivers/powercap, sysfs-class-powercap).
// Pitfalls: zone ids are hexadecimal and do not follow the sockets; psys stands beside the
// packages; the MMIO interface repeats the counters of the MSR one; since Linux 5.10 energy_uj is
// root's only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collect/collector.hpp"

namespace volta {

// "intel-rapl-mmio:0:a" -> {"intel-rapl-mmio", ":0:a"}; empty for control types, other drivers and
// anything else.
struct PowercapName {
  std::string_view controller;
  std::string_view ids;
  [[nodiscard]] bool top_level() const { return ids.rfind(':') == 0; }
};
std::optional<PowercapName> parse_powercap_name(std::string_view name);

// A zone that counts: duplicates are dropped.
struct PowercapZone {
  std::string folder;  // its path, without a slash at the end
  ZoneInfo info;
  double max_power_w =
      0;  // what the package is specified for (constraint_0_max_power_uw); 0: unknown
};
// In order of device. `amd`: the zone "core" is the first core of its package only.
std::vector<PowercapZone> find_powercap_zones(const HostRoots& roots, bool amd);
std::vector<PowercapZone> find_powercap_zones(const HostRoots& roots);

// Energy counters that this process may not read, and what the person at the machine can do.
struct EnergyAccess {
  std::vector<std::string> readable;    // paths
  std::vector<std::string> unreadable;  // paths
  std::string command;                  // one shell command, "" if all are readable
};
EnergyAccess energy_access(const HostRoots& roots);

}  // namespace volta
