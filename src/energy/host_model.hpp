// Power of a machine that has no sensor, from what its CPU does. An estimate, and to be labelled as
// one.
#pragma once

#include <cstdint>

namespace volta {

// Relative error bound of host_power_w: reference/hardware.md 7.2 asks for 30 to 50 %; the larger.
constexpr double kModelErrorRatio = 0.5;

// Watts of CPU and memory: `tdp_w` times a curve over utilisation (0..1) plus 0.284 W for each GB
// of memory. Curve: 0.12, 0.32, 0.75 and 1.02 of the TDP at 0, 10, 50 and 100 % load, linear
// between (Teads, used by Boavizta); memory: Boavizta. Both from reference/hardware.md 7.2.
double host_power_w(double tdp_w, double utilisation, std::uint64_t memory_bytes);

}  // namespace volta
