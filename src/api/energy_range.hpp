// Energy over a range of time: how much a host's best energy counter grew.
#pragma once

#include <cstdint>
#include <optional>

#include "model/store.hpp"

namespace volta {

struct EnergyRange {
  double joules = 0;
  Quality quality = Quality::measured;  // the worst of what contributed
};

// Growth of volta_energy_joules_total{zone="host"} from start to end, summed over its sources (one
// is best at a time). Where a counter falls (reboot, restart of the agent) the step itself counts
// as nothing: what was used in that gap is unknown, and the new value may hold energy from long
// before it. Empty: no two samples. Reads a day at a time.
std::optional<EnergyRange> energy_in(const SeriesIndex& index, const RangeReader& reader,
                                     HostId host, std::int64_t start_ms, std::int64_t end_ms);

// The quality that an energy series' label gives it, else that of its definition.
Quality quality_of(const SeriesDef& series);

}  // namespace volta
