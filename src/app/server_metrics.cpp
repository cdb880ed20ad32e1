#include "app/server_metrics.hpp"

#include <unistd.h>

#include "collect/kept_file.hpp"
#include "collect/numbers.hpp"
#include "collect/self.hpp"
#include "model/metric_ids.hpp"

namespace volta {

void ServerMetrics::append_to(std::vector<MetricFamily>& families) const {
  families.push_back(family(metrics::self_cpu_seconds_total));
  families.back().samples.push_back({{}, static_cast<double>(self_cpu_us()) / 1e6});
  KeptFile statm("/proc/self/statm");
  std::string_view rest = statm.try_read().value_or("");
  next_field(rest);  // the size of the address space
  if (const auto pages = next_unsigned(rest)) {
    families.push_back(family(metrics::self_resident_bytes));
    families.back().samples.push_back(
        {{}, static_cast<double>(*pages) * static_cast<double>(::sysconf(_SC_PAGESIZE))});
  }
}

}  // namespace volta
