// /proc/diskstats: what block devices did.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace volta {

// The columns behind the name, in the kernel's order. Sectors have 512 bytes whatever the device
// says; milliseconds have 32 bits and wrap.
enum class DiskColumn : std::uint8_t {
  reads,
  reads_merged,
  read_sectors,
  read_ms,
  writes,
  writes_merged,
  written_sectors,
  write_ms,
  in_flight,
  busy_ms,
  queue_ms,
  discards,  // from here on: Linux 4.18
  discards_merged,
  discarded_sectors,
  discard_ms,
  flushes,  // from here on: Linux 5.5
  flush_ms,
};
constexpr std::size_t kDiskColumns = 17;

struct DiskLine {
  std::uint64_t number = 0;  // major and minor
  std::string_view name;
  std::array<std::optional<std::uint64_t>, kDiskColumns> values{};  // empty: malformed
  std::size_t columns = 0;  // how many of them the kernel has: 11, 15, 17

  [[nodiscard]] std::optional<std::uint64_t> at(DiskColumn column) const {
    return values.at(static_cast<std::size_t>(column));
  }
};

// Empty if the line has fewer than 14 columns or does not say which device it is of.
std::optional<DiskLine> parse_disk_line(std::string_view line);

}  // namespace volta
