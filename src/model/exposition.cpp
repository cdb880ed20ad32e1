#include "model/exposition.hpp"

namespace volta {

MetricFamily family(MetricId id) {
  const Metric& entry = metric(id);
  return {
      std::string(entry.name), entry.kind, std::string(entry.unit), std::string(entry.help), {}};
}

}  // namespace volta
