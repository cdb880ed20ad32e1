// The inventory: what is read, in this order.
#include <array>

#include "collect/sources.hpp"

namespace volta {
namespace {

constexpr std::array<CollectorEntry, 17> kCollectors = {{
    {"cpu", "cpu", open_cpu, "cpu_core", true},
    {"cpu_frequency", "cpu", open_cpu_frequency},
    {"loadavg", "cpu", open_loadavg},
    {"pressure", "pressure", open_pressure},
    {"memory", "memory", open_memory, "", true},
    {"vmstat", "memory", open_vmstat},
    {"disk", "disk", open_disk},
    {"filesystem", "filesystem", open_filesystem},
    {"network", "network", open_network},
    {"socket", "socket", open_socket},
    {"tcp_states", "tcp_states", open_tcp_states},
    {"hwmon", "sensor", open_hwmon},
    {"thermal", "sensor", open_thermal},
    {"battery", "battery", open_battery},
    {"powercap", "energy", open_powercap},
    {"system", "system", open_system},
    {"self", "self", open_self},
}};

}  // namespace

std::span<const CollectorEntry> collectors() { return kCollectors; }

}  // namespace volta
