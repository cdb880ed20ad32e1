// What volta itself costs.
#pragma once

#include <cstdint>

#include "collect/collector.hpp"

namespace volta {

// CPU time of this process since it started, all threads.
std::uint64_t self_cpu_us();

// Puts it into the tick's load, for volta's share of the energy. Cheap (0.3 us): for every tick,
// while the collector's series come at the group's slower period. Nothing on a recorded host.
void fill_self_load(const HostRoots& roots, Tick& out);

}  // namespace volta
