// What a server's own process costs, for its /metrics; in `volta local` the agent shows the same.
#pragma once

#include "model/exposition.hpp"

namespace volta {

class ServerMetrics final : public SelfMetrics {
 public:
  void append_to(std::vector<MetricFamily>& families) const override;
};

}  // namespace volta
