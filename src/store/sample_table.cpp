#include "store/sample_table.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "base/assert.hpp"

namespace volta {

void SampleTable::add_series(SeriesId series, std::uint32_t group) {
  const auto column = static_cast<std::uint32_t>(columns_.size());
  const bool is_new = column_of_.emplace(series, column).second;
  VOLTA_ASSERT(is_new);
  ids_.push_back(series);
  groups_.push_back(group);
  columns_.emplace_back();
}

std::optional<std::uint32_t> SampleTable::find(SeriesId series) const {
  const auto found = column_of_.find(series);
  if (found == column_of_.end()) return std::nullopt;
  return found->second;
}

std::uint32_t SampleTable::tick(std::int64_t time_ms, std::int64_t accepted) {
  ticks_.push_back({time_ms, accepted});
  return static_cast<std::uint32_t>(ticks_.size() - 1);
}

void SampleTable::add(std::uint32_t column, std::uint32_t tick, std::uint64_t raw) {
  std::vector<Sample>& samples = columns_[column];
  if (samples.empty()) samples.reserve(likely_samples_);  // a series may turn out to have none
  samples.push_back({tick, 0, raw});
  ++samples_;
}

void SampleTable::rank_ticks(std::vector<std::uint32_t>& rank,
                             std::vector<std::uint32_t>& time_of_tick) {
  std::vector<std::uint32_t> order(ticks_.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    return std::tie(ticks_[a].time_ms, ticks_[a].accepted, a) <
           std::tie(ticks_[b].time_ms, ticks_[b].accepted, b);
  };
  if (!std::is_sorted(order.begin(), order.end(), before)) {
    std::sort(order.begin(), order.end(), before);
  }
  rank.resize(order.size());
  time_of_tick.resize(order.size());
  for (std::uint32_t place = 0; place < order.size(); ++place) {
    const std::int64_t time = ticks_[order[place]].time_ms;
    if (times_ms_.empty() || times_ms_.back() != time) times_ms_.push_back(time);
    rank[order[place]] = place;
    time_of_tick[order[place]] = static_cast<std::uint32_t>(times_ms_.size() - 1);
  }
}

void SampleTable::resolve() {
  std::vector<std::uint32_t> rank;
  std::vector<std::uint32_t> time_of_tick;
  rank_ticks(rank, time_of_tick);
  const auto before = [](const Sample& a, const Sample& b) { return a.rank < b.rank; };
  std::map<std::uint32_t, std::vector<std::uint32_t>> groups;
  for (std::uint32_t column = 0; column < columns_.size(); ++column) {
    std::vector<Sample>& samples = columns_[column];
    for (Sample& sample : samples) {
      sample.time = time_of_tick[sample.rank];
      sample.rank = rank[sample.rank];
    }
    // Equal ranks: one tick named twice; the later call counts.
    if (!std::is_sorted(samples.begin(), samples.end(), before)) {
      std::stable_sort(samples.begin(), samples.end(), before);
    }
    if (!samples.empty()) groups[groups_[column]].push_back(column);
  }
  for (const auto& [group, columns] : groups) {
    if (columns.size() > 1) keep_last_of_group(columns);
  }
}

// For each time: the highest rank in any of the columns; lower ones elsewhere go.
void SampleTable::keep_last_of_group(std::span<const std::uint32_t> columns) {
  std::unordered_map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> last;  // by time
  for (const std::uint32_t column : columns) {
    for (const Sample& sample : columns_[column]) {
      const std::pair mine{sample.rank, column};
      const auto [known, is_new] = last.emplace(sample.time, mine);
      if (!is_new && known->second < mine) known->second = mine;
    }
  }
  for (const std::uint32_t column : columns) {
    std::erase_if(columns_[column],
                  [&](const Sample& sample) { return last.at(sample.time).second != column; });
  }
}

SampleTable::Column SampleTable::take(std::uint32_t column) {
  Column out;
  out.series = ids_[column];
  const std::vector<Sample> samples = std::move(columns_[column]);
  columns_[column].clear();
  out.times_ms.reserve(samples.size());
  out.raw.reserve(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const bool is_last = i + 1 == samples.size() || samples[i + 1].time != samples[i].time;
    if (!is_last) continue;
    out.times_ms.push_back(times_ms_[samples[i].time]);
    out.raw.push_back(samples[i].raw);
  }
  return out;
}

}  // namespace volta
