#include "api/energy_range.hpp"

#include <algorithm>

#include "model/metric_ids.hpp"

namespace volta {
namespace {

std::optional<Quality> told_quality(const Labels& labels) {
  const std::string_view label = label_value(labels, "quality");
  for (const Quality quality : {Quality::measured, Quality::derived, Quality::estimated}) {
    if (label == to_text(quality)) return quality;
  }
  return std::nullopt;
}

}  // namespace

Quality quality_of(const SeriesDef& series) {
  return told_quality(series.labels).value_or(series.quality);
}

MetricOfHost host_energy(HostId host, std::string host_name) {
  return {host,
          std::move(host_name),
          std::string(metric(metrics::energy_joules_total).name),
          {{"zone", "host"}}};
}

std::optional<EnergyRange> energy_of(std::span<const Growth> sources) {
  std::optional<EnergyRange> total;
  for (const Growth& source : sources) {
    if (!total) total.emplace();
    total->joules += source.amount;
    // Every energy series says its quality; one that does not is trusted least.
    total->quality =
        std::max(total->quality, told_quality(source.labels).value_or(Quality::estimated));
  }
  return total;
}

}  // namespace volta
