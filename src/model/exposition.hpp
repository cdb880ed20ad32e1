// Metric families as values: made by api/ and the roles, written by prom/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/series.hpp"

namespace volta {

struct ExpositionSample {
  Labels labels;
  double value = 0;
};

struct MetricFamily {
  std::string name;
  Kind kind = Kind::gauge;
  std::string unit;
  std::string help;
  std::vector<ExpositionSample> samples;
};

enum class ExpositionFormat : std::uint8_t { text_0_0_4, open_metrics_1_0 };

// Implemented by prom/.
class Exposition {
 public:
  virtual ~Exposition() = default;
  // By an Accept header (RFC 9110 weights); text 0.0.4 if it names nothing that is known.
  [[nodiscard]] virtual ExpositionFormat negotiate(std::string_view accept) const = 0;
  [[nodiscard]] virtual std::string_view content_type(ExpositionFormat format) const = 0;
  // Families of the same name are joined; order is kept.
  [[nodiscard]] virtual std::string render(ExpositionFormat format,
                                           const std::vector<MetricFamily>& families) const = 0;
};

// A part of volta that has numbers of its own to show on /metrics. Thread-safe.
class SelfMetrics {
 public:
  virtual ~SelfMetrics() = default;
  virtual void append_to(std::vector<MetricFamily>& families) const = 0;
};

// A family from the catalogue, without samples.
MetricFamily family(MetricId id);

}  // namespace volta
