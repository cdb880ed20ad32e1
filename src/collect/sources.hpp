// How each collector is opened; the list of them is in collectors.cpp.
#pragma once

#include <memory>

#include "collect/collector.hpp"

namespace volta {

// Each: null where the host has no such source.
std::unique_ptr<Collector> open_cpu(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_cpu_frequency(const HostRoots& roots,
                                              const CollectOptions& options);
std::unique_ptr<Collector> open_loadavg(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_pressure(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_memory(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_vmstat(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_disk(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_filesystem(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_network(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_socket(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_tcp_states(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_hwmon(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_thermal(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_battery(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_powercap(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_system(const HostRoots& roots, const CollectOptions& options);
std::unique_ptr<Collector> open_self(const HostRoots& roots, const CollectOptions& options);

}  // namespace volta
