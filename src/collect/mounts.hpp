// Which filesystems a machine has mounted, from the text of /proc/PID/mountinfo (proc(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace volta {

struct Mount {
  std::string device;  // source: /dev/sda1, server:/export, tank/home
  std::string fstype;
  std::string mountpoint;
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  bool readonly = false;
  bool operator==(const Mount&) const = default;
};

// One line; empty if it is malformed.
std::optional<Mount> parse_mountinfo_line(std::string_view line);

// The filesystems of the text that hold somebody's data, in order of mount point: no kernel
// interfaces, each device once (a bind mount or subvolume shows under its shortest path), of two
// mounts on the same point the upper one. Those of other machines only if `network`. `malformed`
// counts lines that could not be read.
std::vector<Mount> real_filesystems(std::string_view text, bool network, std::uint64_t& malformed);

}  // namespace volta
