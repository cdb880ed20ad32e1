#include "model/metric.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "base/assert.hpp"
#include "model/metric_table.inc"

namespace volta {

std::string_view to_text(Kind kind) { return kind == Kind::counter ? "counter" : "gauge"; }

std::string_view to_text(Quality quality) {
  switch (quality) {
    case Quality::measured:
      return "measured";
    case Quality::derived:
      return "derived";
    case Quality::estimated:
      return "estimated";
  }
  return "";
}

std::span<const Metric> catalogue() { return kCatalogue; }

std::span<const MetricGroup> metric_groups() { return kGroups; }

const Metric& metric(MetricId id) {
  const auto index = static_cast<std::size_t>(id);
  VOLTA_ASSERT(index < kCatalogue.size());
  return kCatalogue[index];
}

std::optional<MetricId> find_metric(std::string_view name) {
  const auto found = std::find_if(kCatalogue.begin(), kCatalogue.end(),
                                  [&](const Metric& entry) { return entry.name == name; });
  if (found == kCatalogue.end()) return std::nullopt;
  return MetricId(static_cast<std::uint16_t>(found - kCatalogue.begin()));
}

double to_double(ValueType type, std::int8_t scale, std::uint64_t raw) {
  static constexpr std::array<double, 19> kPowers = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                                     1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13,
                                                     1e14, 1e15, 1e16, 1e17, 1e18};
  if (type == ValueType::float64) return std::bit_cast<double>(raw);
  const double value = type == ValueType::uint64
                           ? static_cast<double>(raw)
                           : static_cast<double>(static_cast<std::int64_t>(raw));
  const auto power =
      std::min<std::size_t>(static_cast<std::size_t>(scale < 0 ? -scale : scale), 18);
  return scale < 0 ? value * kPowers.at(power) : value / kPowers.at(power);
}

}  // namespace volta
