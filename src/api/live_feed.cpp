#include "api/live_feed.hpp"

#include <algorithm>
#include <cmath>

#include "api/host_families.hpp"

namespace volta {
namespace {

constexpr std::chrono::seconds kPastIsPresent{15};

}  // namespace

LiveBatch newest_of(HostId host, const DecodedBatch& batch,
                    std::span<const std::shared_ptr<const SeriesRecord>> series) {
  LiveBatch out{host, batch.times_ms.empty() ? 0 : batch.times_ms.back(), {}};
  const std::size_t slots = std::min<std::size_t>(batch.slots, series.size());
  out.samples.reserve(slots);
  for (Slot slot = 0; slot < slots; ++slot) {
    if (series[slot]->id == SeriesId{}) continue;  // beyond the limit
    std::size_t tick = batch.ticks();
    while (tick > 0 && batch.present[batch.at(slot, tick - 1)] == 0) --tick;
    if (tick == 0) continue;
    const SeriesDef& def = series[slot]->def;
    const double value = to_double(def.type, def.scale, batch.values[batch.at(slot, tick - 1)]);
    out.samples.push_back({series[slot], batch.times_ms[tick - 1], value});
  }
  return out;
}

std::optional<double> rate_between(std::int64_t from_ms, double from, std::int64_t to_ms,
                                   double to) {
  if (to_ms <= from_ms || !(to >= from)) return std::nullopt;
  return (to - from) * 1000 / static_cast<double>(to_ms - from_ms);
}

FeedSeries& LiveFeed::slot(const std::shared_ptr<const SeriesRecord>& record) {
  const auto [found, added] =
      places_.try_emplace(static_cast<std::uint32_t>(record->id), series_.size());
  if (added) series_.push_back({record, 0, 0, 0, {}});
  return series_[found->second];
}

void LiveFeed::seed(std::span<const SeriesRecord> records, std::span<const LatestSample> newest) {
  std::unordered_map<std::uint32_t, const LatestSample*> known;
  std::int64_t last_ms = 0;
  for (const LatestSample& sample : newest) last_ms = std::max(last_ms, sample.time_ms);
  for (const LatestSample& sample : newest) {
    if (last_ms - sample.time_ms > kStaleMs) continue;
    known[static_cast<std::uint32_t>(sample.series)] = &sample;
  }
  for (const SeriesRecord& record : records) {
    const auto found = known.find(static_cast<std::uint32_t>(record.id));
    if (found == known.end()) continue;  // enters the index once it has a value of now
    FeedSeries& held = slot(std::make_shared<const SeriesRecord>(record));
    const bool counter = held.record->def.kind == Kind::counter;
    if (held.version > 0) {
      if (counter && !held.rate && found->second->time_ms < held.time_ms) {
        held.rate =
            rate_between(found->second->time_ms, found->second->value, held.time_ms, held.value);
      }
      continue;
    }
    held.version = 1;
    held.time_ms = found->second->time_ms;
    held.value = found->second->value;
    if (counter) held.rate = found->second->rate;
    last_ms_ = std::max(last_ms_, held.time_ms);
  }
}

bool LiveFeed::take(const LiveBatch& batch, std::chrono::nanoseconds now) {
  if (!last_taken_) last_taken_ = now;
  if (batch.last_ms <= last_ms_ && now - *last_taken_ < kPastIsPresent) return false;
  last_taken_ = now;
  last_ms_ = batch.last_ms;
  for (const LiveSample& sample : batch.samples) {
    FeedSeries& held = slot(sample.record);
    held.rate.reset();
    if (held.version > 0 && held.record->def.kind == Kind::counter) {
      held.rate = rate_between(held.time_ms, held.value, sample.time_ms, sample.value);
    }
    ++held.version;
    held.time_ms = sample.time_ms;
    held.value = sample.value;
  }
  return true;
}

}  // namespace volta
