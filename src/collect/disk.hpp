// /proc/diskstats: what block devices did.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace volta {

// One line, in the units of the kernel: sectors of 512 bytes whatever the device says, milliseconds
// in 32 bits.
struct DiskLine {
  std::string_view name;
  std::uint64_t reads = 0, read_sectors = 0, read_ms = 0;
  std::uint64_t writes = 0, written_sectors = 0, write_ms = 0;
  std::uint64_t in_flight = 0, busy_ms = 0, queue_ms = 0;
  std::optional<std::uint64_t> discarded_sectors;  // Linux 4.18
  std::optional<std::uint64_t> flushes;            // Linux 5.5
};

// Empty if the line has fewer than 14 columns or one is no number.
std::optional<DiskLine> parse_disk_line(std::string_view line);

}  // namespace volta
