// hwmon chips: temperatures, fans, voltages, and power or energy where the driver itself gives it.
// hwmonN is numbered anew at every boot, so chips are told apart by their device (Linux
// Documentation/hwmon/sysfs-interface.rst).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collect/collector.hpp"
#include "collect/sensor_chip.hpp"

namespace volta {

// "temp12_input" -> {"temp", 12, "input"}.
struct HwmonFile {
  std::string_view type;
  std::uint32_t number = 0;
  std::string_view attribute;
};
std::optional<HwmonFile> parse_hwmon_file(std::string_view name);

// The part of a device's real path that is the same after the next boot: its last component, but
// the bus address in .../0000:04:00.0/nvme/nvme0.
std::string stable_device_name(const std::filesystem::path& real_path);

// Which zone a power or energy channel is: "platform" (the whole machine), "psu" or "rail"; ""
// if it is no zone of ours (GPUs have a collector of their own, a UPS is no consumer).
std::string_view hwmon_zone(std::string_view chip, std::string_view label);

// The chips of the host, ordered and named.
std::vector<ChipSpec> find_hwmon_chips(const HostRoots& roots);

}  // namespace volta
