// /proc/stat: CPU time by mode in total and per core, context switches, interrupts, forks, tasks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace volta {

constexpr std::size_t kCpuModes = 10;
constexpr std::array<std::string_view, kCpuModes> kCpuModeNames = {
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"};
// 1/100 s by mode; a malformed one is empty. Guest time is taken out of user and nice, in which the
// kernel includes it, so these are not known without it either.
using CpuTimes = std::array<std::optional<std::uint64_t>, kCpuModes>;

// What follows the name on a "cpu" line. Old kernels have fewer columns, at least 4: the rest is 0.
// Empty if there are fewer.
std::optional<CpuTimes> parse_cpu_times(std::string_view columns);

}  // namespace volta
