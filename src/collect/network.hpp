// /proc/net/dev and /sys/class/net: what network interfaces carried, their link's speed and state.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace volta {

struct InterfaceLine {
  std::string_view name;
  // bytes packets errs drop fifo frame compressed multicast; then of what was sent: bytes packets
  // errs drop fifo colls carrier compressed
  // A malformed one is empty.
  std::array<std::optional<std::uint64_t>, 16> values{};
};

// A line "  eth0: 1 2 3 ..." with its 16 columns; empty if it has fewer or no name.
std::optional<InterfaceLine> parse_interface_line(std::string_view line);

}  // namespace volta
