#include "model/tick.hpp"

#include <algorithm>

namespace volta {

Slot Layout::define(SeriesDef series) {
  for (const auto& [key, value] : common_) {
    if (label_value(series.labels, key).empty()) series.labels.emplace_back(key, value);
  }
  std::sort(series.labels.begin(), series.labels.end());
  std::string text = series.name + label_text(series.labels);
  const auto found = by_text_.find(text);
  if (found != by_text_.end()) return found->second;
  const Slot slot = size();
  series_.push_back(std::move(series));
  by_text_.emplace(std::move(text), slot);
  return slot;
}

void Tick::begin(std::int64_t wall_ms, std::chrono::nanoseconds boottime) {
  wall_ms_ = wall_ms;
  boottime_ = boottime;
  readings_.clear();
  readings_.reserve(layout_->size());  // each sets one: what comes all at once finds room
  zone_readings_.clear();
}

std::uint32_t Tick::announce(ZoneInfo zone) {
  const auto found = std::find(zones_.begin(), zones_.end(), zone);
  if (found == zones_.end()) {
    zones_.push_back(std::move(zone));
    return static_cast<std::uint32_t>(zones_.size() - 1);
  }
  return static_cast<std::uint32_t>(found - zones_.begin());
}

void Tick::drop(const std::vector<bool>& dropped) {
  std::erase_if(readings_, [&](const Reading& reading) {
    return reading.slot < dropped.size() && dropped[reading.slot];
  });
}

void Tick::rewind(Mark mark) {
  readings_.resize(mark.readings);
  zone_readings_.resize(mark.zone_readings);
}

}  // namespace volta
