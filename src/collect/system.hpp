// What /proc says of the machine as a whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace volta {

// /proc/uptime -> 1/100 s since boot.
std::optional<std::int64_t> parse_uptime(std::string_view text);
// /proc/stat -> when the machine booted, unix seconds.
std::optional<std::int64_t> parse_boot_time(std::string_view text);

}  // namespace volta
