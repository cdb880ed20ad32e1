// Prometheus' exposition formats: text 0.0.4 and OpenMetrics 1.0.
#pragma once

#include "model/exposition.hpp"

namespace volta {

// Stateless; thread-safe.
class PrometheusExposition final : public Exposition {
 public:
  [[nodiscard]] ExpositionFormat negotiate(std::string_view accept) const override;
  [[nodiscard]] std::string_view content_type(ExpositionFormat format) const override;
  [[nodiscard]] std::string render(ExpositionFormat format,
                                   const std::vector<MetricFamily>& families) const override;
};

}  // namespace volta
