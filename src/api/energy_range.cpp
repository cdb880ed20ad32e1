#include "api/energy_range.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr std::int64_t kPieceMs = 86'400'000;  // a day

// One counter, fed with consecutive pieces of its samples.
struct Growth {
  std::optional<double> before;
  double joules = 0;
  bool known = false;  // at least two samples

  void take(const SampleColumn& column) {
    for (const double value : column.values) {
      if (!std::isfinite(value)) continue;
      if (before) {
        known = true;
        joules += std::max(0.0, value - *before);
      }
      before = value;
    }
  }
};

}  // namespace

Quality quality_of(const SeriesDef& series) {
  const std::string_view label = label_value(series.labels, "quality");
  for (const Quality quality : {Quality::measured, Quality::derived, Quality::estimated}) {
    if (label == to_text(quality)) return quality;
  }
  return series.quality;
}

std::optional<EnergyRange> energy_in(const SeriesIndex& index, const RangeReader& reader,
                                     HostId host, std::int64_t start_ms, std::int64_t end_ms) {
  auto records = index.find(host, metric(metrics::energy_joules_total).name);
  std::erase_if(records, [](const SeriesRecord& record) {
    return label_value(record.def.labels, "zone") != "host";
  });
  std::vector<SeriesId> ids;
  ids.reserve(records.size());
  for (const SeriesRecord& record : records) ids.push_back(record.id);
  if (ids.empty()) return std::nullopt;

  std::vector<Growth> growth(ids.size());
  const std::int64_t oldest = reader.oldest_ms(host).value_or(end_ms);
  for (std::int64_t from = std::max(start_ms, oldest); from <= end_ms; from += kPieceMs) {
    const auto columns = reader.read(host, ids, from, std::min(end_ms, from + kPieceMs - 1));
    for (std::size_t i = 0; i < columns.size() && i < growth.size(); ++i) {
      growth[i].take(columns[i]);
    }
  }
  std::optional<EnergyRange> total;
  for (std::size_t i = 0; i < growth.size(); ++i) {
    if (!growth[i].known) continue;
    if (!total) total.emplace();
    total->joules += growth[i].joules;
    total->quality = std::max(total->quality, quality_of(records[i].def));
  }
  return total;
}

}  // namespace volta
