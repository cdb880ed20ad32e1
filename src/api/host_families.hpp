// A host's newest samples as metric families, for the /metrics of `volta local`.
#pragma once

#include <cstdint>
#include <vector>

#include "model/exposition.hpp"
#include "model/store.hpp"

namespace volta {

// Series that have not moved for this long are left out, as Prometheus itself would drop them.
constexpr std::int64_t kStaleMs = 300'000;

// Every sample gets the label host="NAME". `aliases`: the metrics for which node_exporter has an
// established name come a second time under that name.
void append_host_families(std::vector<MetricFamily>& families, const HostRecord& host,
                          const SeriesIndex& index, const RangeReader& reader, bool aliases);

}  // namespace volta
