#include "prom/series_tracker.hpp"

#include <bit>
#include <utility>

namespace volta {

SeriesTracker::Series SeriesTracker::series(Labels labels) {
  std::string key = label_text(labels);
  const auto found = entries_.find(key);
  if (found != entries_.end()) return found->second;
  auto entry = std::make_shared<Entry>();
  entry->labels = std::make_shared<const Labels>(std::move(labels));
  entry->round = round_;
  entries_.emplace(std::move(key), entry);
  return entry;
}

void SeriesTracker::begin() {
  ++round_;
  out_.clear();
  shown_.clear();
  ended_.clear();
  appeared_ = 0;
}

bool SeriesTracker::add(const Series& series, std::int64_t time_ms, double value, bool own_time) {
  Entry& entry = *series;
  const bool first =
      entry.round != round_ || entry.slot >= out_.size() || out_[entry.slot].labels != entry.labels;
  if (first) {
    if (!entry.live) ++appeared_;
    entry.round = round_;
    entry.slot = out_.size();
    entry.own_times = own_time;
    out_.push_back({entry.labels, {}, {}});
    shown_.push_back(series);
  }
  LabeledSamples& samples = out_[entry.slot];
  if (!samples.times_ms.empty() && samples.times_ms.back() >= time_ms) return false;
  samples.times_ms.push_back(time_ms);
  samples.values.push_back(value);
  return true;
}

void SeriesTracker::discard() {
  out_.clear();
  for (const Series& series : shown_) series->round = round_ - 1;
  shown_.clear();
  appeared_ = 0;
}

std::vector<LabeledSamples> SeriesTracker::finish(std::int64_t time_ms) {
  for (const auto& [key, series] : entries_) {
    if (series->live && series->round != round_) {
      ended_.push_back(series);
      if (!series->own_times) {
        out_.push_back({series->labels, {time_ms}, {std::bit_cast<double>(kStaleBits)}});
      }
    }
  }
  return std::move(out_);
}

void SeriesTracker::settle(bool committed) {
  if (committed) {
    for (const Series& series : shown_) series->live = true;
    for (const Series& series : ended_) series->live = false;
  }
  std::erase_if(entries_, [&](const auto& item) {
    const bool over = !item.second->live && item.second->round + 1 < round_;
    if (over) item.second->known = false;
    return over;
  });
  shown_.clear();
  ended_.clear();
}

}  // namespace volta
