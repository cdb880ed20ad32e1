// The metric catalogue: every metric that volta itself produces, from schema/metrics.toml, as
// constexpr tables made at build time (schema/generate_catalogue.py). Configuration keys, /metrics,
// units in the page, `volta metrics` and the documentation all come from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace volta {

enum class Kind : std::uint8_t { counter, gauge };
// How the 64 raw bits of a value are read. Kernel counters are integers; float64 is for what comes
// from outside and was never an integer.
enum class ValueType : std::uint8_t { int64, uint64, float64 };
// How a number came about: read from a sensor, computed from such, or from a model.
enum class Quality : std::uint8_t { measured, derived, estimated };

std::string_view to_text(Kind kind);
std::string_view to_text(Quality quality);

// Index into catalogue(); the names stand in model/metric_ids.hpp, without their `volta_`.
enum class MetricId : std::uint16_t {};

struct Metric {
  std::string_view name;  // volta_<what>_<unit>[_total]
  Kind kind;
  ValueType type;
  std::int8_t scale;  // value in `unit` = raw / 10^scale; negative: raw * 10^-scale
  std::string_view
      unit;  // Prometheus base unit in the plural ("seconds", "bytes"); "" for plain counts
  Quality quality;
  std::string_view group;                    // switches and periods are set by group
  std::chrono::milliseconds period;          // the group's default
  std::string_view alias;                    // node_exporter's established name, or ""
  std::string_view help;                     // one sentence, without a full stop
  std::span<const std::string_view> labels;  // the keys, in this order
};

struct MetricGroup {
  std::string_view name;
  std::chrono::milliseconds period;
  std::string_view help;
};

std::span<const Metric> catalogue();
std::span<const MetricGroup> metric_groups();
const Metric& metric(MetricId id);
std::optional<MetricId> find_metric(std::string_view name);

// The value of 64 raw bits in the metric's unit.
double to_double(ValueType type, std::int8_t scale, std::uint64_t raw);

}  // namespace volta
