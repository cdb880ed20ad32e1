#include "api/host_families.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <unordered_map>

namespace volta {
namespace {

Labels with_host(const Labels& labels, const std::string& host) {
  Labels out = labels;
  std::pair<std::string, std::string> own("host", host);
  out.insert(std::upper_bound(out.begin(), out.end(), own), std::move(own));
  return out;
}

MetricFamily family_of(const SeriesDef& series) {
  if (const auto id = find_metric(series.name)) return family(*id);
  return {series.name, series.kind, series.unit, "As the host's agent reported it", {}};
}

// node_exporter has counters without _total, which the formats do not allow for counters, and units
// must end the name.
MetricFamily alias_of(const MetricFamily& own, const Metric& entry) {
  const bool total = entry.alias.ends_with("_total");
  const std::string_view stem = total ? entry.alias.substr(0, entry.alias.size() - 6) : entry.alias;
  const bool unit = !entry.unit.empty() && stem.ends_with("_" + std::string(entry.unit));
  return {std::string(entry.alias), total ? Kind::counter : Kind::gauge,
          unit ? std::string(entry.unit) : "", std::string(entry.help), own.samples};
}

}  // namespace

void append_host_families(std::vector<MetricFamily>& families, const HostRecord& host,
                          const SeriesIndex& index, const RangeReader& reader, bool aliases) {
  std::unordered_map<std::uint32_t, LatestSample> newest;
  std::int64_t last_ms = 0;
  for (const LatestSample& sample : reader.latest(host.id)) {
    newest[static_cast<std::uint32_t>(sample.series)] = sample;
    last_ms = std::max(last_ms, sample.time_ms);
  }
  std::vector<MetricFamily> own;
  for (const SeriesRecord& record : index.find(host.id, "*")) {  // by name: families are together
    const auto found = newest.find(static_cast<std::uint32_t>(record.id));
    if (found == newest.end() || !std::isfinite(found->second.value) ||
        last_ms - found->second.time_ms > kStaleMs) {
      continue;
    }
    if (own.empty() || own.back().name != record.def.name) own.push_back(family_of(record.def));
    own.back().samples.push_back({with_host(record.def.labels, host.name), found->second.value});
  }
  std::vector<MetricFamily> second;
  for (const MetricFamily& entry : own) {
    const auto id = aliases ? find_metric(entry.name) : std::nullopt;
    if (id && !metric(*id).alias.empty()) second.push_back(alias_of(entry, metric(*id)));
  }
  std::move(own.begin(), own.end(), std::back_inserter(families));
  std::move(second.begin(), second.end(), std::back_inserter(families));
}

}  // namespace volta
