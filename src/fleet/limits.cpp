#include "fleet/limits.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

namespace volta {
namespace {

std::uint64_t name_hash(const SeriesDef& series) {
  return std::hash<std::string>{}(series.name + label_text(series.labels));
}

std::uint64_t form_hash(const SeriesDef& series, std::uint64_t name) {
  const auto number = [](auto value) { return std::to_string(static_cast<int>(value)) + ' '; };
  return std::hash<std::string>{}(std::to_string(name) + ' ' + number(series.kind) +
                                  number(series.type) + number(series.scale) +
                                  number(series.quality) + series.unit);
}

}  // namespace

HostLimits::HostLimits(const IngestOptions& options, const Clock& clock,
                       std::span<const SeriesRecord> stored)
    : options_(options), clock_(clock), tokens_(options.batch_burst), filled_at_(clock.boottime()) {
  recount(stored);
}

void HostLimits::recount(std::span<const SeriesRecord> stored) {
  const std::lock_guard lock(mutex_);
  seen_.clear();
  for (const SeriesRecord& record : stored) {
    const std::uint64_t name = name_hash(record.def);
    const std::uint64_t form = form_hash(record.def, name);
    if (seen_.look(name, form) != SeenSeries::Seen::form) seen_.add(name, form);
  }
}

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
  const std::uint64_t name = name_hash(series);
  const std::uint64_t form = form_hash(series, name);
  const std::lock_guard lock(mutex_);
  const SeenSeries::Seen seen = seen_.look(name, form);
  if (seen == SeenSeries::Seen::form) return true;
  if (seen_.forms() >= 2 * options_.most_series) return false;
  if (seen == SeenSeries::Seen::nothing && seen_.names() >= options_.most_series) return false;
  seen_.add(name, form);
  return true;
}

std::shared_ptr<HostLimits> LimitsOfHosts::of(HostId host,
                                              const std::vector<SeriesRecord>* stored) {
  forget_removed();
  auto& limits = limits_[host];
  const std::span<const SeriesRecord> series =
      stored == nullptr ? std::span<const SeriesRecord>() : std::span(*stored);
  if (!limits) {
    limits = std::make_shared<HostLimits>(options_, clock_, series);
  } else if (stored != nullptr && limits.use_count() == 1) {  // no session of the host is open
    limits->recount(series);
  }
  return limits;
}

// Their ids never come again. Of others the count goes on, or who comes anew would have a new one.
void LimitsOfHosts::forget_removed() {
  if (limits_.size() < sweep_at_) return;
  std::erase_if(limits_, [&](const auto& item) { return !directory_.find(item.first); });
  sweep_at_ = 2 * limits_.size() + 64;
}

}  // namespace volta
