#include "fleet/limits.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

namespace volta {

HostLimits::HostLimits(const IngestOptions& options, const Clock& clock)
    : options_(options),
      clock_(clock),
      tokens_(options.batch_burst),
      filled_at_(clock.boottime()) {}

std::chrono::milliseconds HostLimits::take_batch() {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.boottime();
  const double passed = std::chrono::duration<double>(now - filled_at_).count();
  filled_at_ = now;
  tokens_ = std::min(options_.batch_burst, tokens_ + passed * options_.batches_per_second);
  if (tokens_ >= 1) {
    tokens_ -= 1;
    return {};
  }
  // Until there is room for what an agent has open at once, so that it is not sent back each time.
  const double missing = std::min(8.0, options_.batch_burst) - tokens_;
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::ceil(1000 * missing / options_.batches_per_second)));
}

bool HostLimits::admit(const SeriesDef& series) {
  const std::uint64_t hash = std::hash<std::string>{}(series.name + label_text(series.labels));
  const std::lock_guard lock(mutex_);
  const auto at = std::lower_bound(series_.begin(), series_.end(), hash);
  if (at != series_.end() && *at == hash) return true;
  if (series_.size() >= options_.most_series) return false;
  series_.insert(at, hash);
  return true;
}

}  // namespace volta
