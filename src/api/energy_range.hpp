// Energy over a range of time: how much a host's best energy counter grew.
#pragma once

#include <optional>
#include <span>

#include "model/query.hpp"

namespace volta {

struct EnergyRange {
  double joules = 0;
  Quality quality = Quality::measured;  // the worst of what contributed
};

// What to ask for the growth of volta_energy_joules_total{zone="host"}.
MetricOfHost host_energy(HostId host, std::string host_name);
// The sum over the host's sources (one is best at a time). A counter falls with a reboot or a
// restart of the agent; what was used around that is unknown and counts as nothing. Empty: no two
// samples.
std::optional<EnergyRange> energy_of(std::span<const Growth> sources);

// The quality that an energy series' label gives it, else that of its definition.
Quality quality_of(const SeriesDef& series);

}  // namespace volta
