// How much power a CPU is built for, where nothing measures it: for the estimator, which gets the
// number only. Always with its source, because a table entry and a guess are not the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "collect/collector.hpp"

namespace volta {

struct TdpHint {
  double watts = 0;    // of all CPUs that this machine has
  std::string source;  // where it is from, for people
};

// The sum of what the packages are specified for (constraint_0_max_power_uw, readable to all even
// where the energy is not); empty if powercap does not say it.
std::optional<double> tdp_watts(const HostRoots& roots);

// What the table below needs.
struct CpuShape {
  std::string model;  // as /proc/cpuinfo says
  std::uint32_t sockets = 1;
  std::uint32_t cores = 1;       // of all sockets
  std::uint32_t threads = 1;     // of all sockets
  bool virtual_machine = false;  // threads are then a share of some host's
};

// From a short table of families by model name, else from the number of cores. Never empty.
TdpHint tdp_from_model(const CpuShape& cpu);

}  // namespace volta
