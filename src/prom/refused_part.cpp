#include "prom/refused_part.hpp"

#include <algorithm>
#include <deque>

namespace volta {
namespace {

// Then a single series is taken for refused as a whole: so small a part of it that is good is rare,
// and finding it would cost a request a sample.
constexpr unsigned kMostInVain = 4;

// Before (or not before) a time.
std::vector<LabeledSamples> one_side(std::span<const LabeledSamples> series, std::int64_t cut_ms,
                                     bool before) {
  std::vector<LabeledSamples> out;
  for (const LabeledSamples& one : series) {
    LabeledSamples kept{one.labels, {}, {}};
    for (std::size_t i = 0; i < one.times_ms.size(); ++i) {
      if ((one.times_ms[i] < cut_ms) != before) continue;
      kept.times_ms.push_back(one.times_ms[i]);
      kept.values.push_back(one.values[i]);
    }
    if (!kept.times_ms.empty()) out.push_back(std::move(kept));
  }
  return out;
}

}  // namespace

std::size_t RefusedPart::samples() const {
  std::size_t sum = 0;
  for (const LabeledSamples& one : series_) sum += one.times_ms.size();
  return sum;
}

RefusedPart RefusedPart::with(std::vector<LabeledSamples> series, bool by_time) const {
  RefusedPart part({});
  part.series_ = std::move(series);
  part.by_time_ = by_time;
  part.in_vain_ = in_vain_;
  return part;
}

std::optional<std::pair<RefusedPart, RefusedPart>> RefusedPart::halves() const {
  if (series_.size() == 1 && in_vain_ >= kMostInVain) return std::nullopt;
  auto halved = by_time_ ? by_time() : by_series();
  if (!halved) halved = by_time_ ? by_series() : by_time();
  return halved;
}

std::optional<std::pair<RefusedPart, RefusedPart>> RefusedPart::by_series() const {
  if (series_.size() < 2) return std::nullopt;
  const auto middle = series_.begin() + static_cast<std::ptrdiff_t>(series_.size() / 2);
  return std::pair(with({series_.begin(), middle}, false), with({middle, series_.end()}, false));
}

std::optional<std::pair<RefusedPart, RefusedPart>> RefusedPart::by_time() const {
  std::vector<std::int64_t> times;
  times.reserve(samples());
  for (const LabeledSamples& one : series_) {
    times.insert(times.end(), one.times_ms.begin(), one.times_ms.end());
  }
  std::sort(times.begin(), times.end());
  if (times.empty() || times.front() == times.back()) return std::nullopt;
  // The middle one, or the first after all that are as early as the earliest.
  const auto later = std::upper_bound(times.begin(), times.end(), times.front());
  const auto cut = std::max(later, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
  return std::pair(with(one_side(series_, *cut, true), true),
                   with(one_side(series_, *cut, false), true));
}

Division send_divided(std::span<const LabeledSamples> series, std::size_t most_halvings,
                      const SendPart& send) {
  Division division;
  std::deque<RefusedPart> parts;
  parts.emplace_back(series);
  for (std::size_t halvings = 0; !parts.empty(); parts.pop_front()) {
    auto halves = parts.front().halves();
    if (!halves || halvings >= most_halvings) {
      division.refused += parts.front().samples();
      if (halves) division.undivided += parts.front().samples();
      continue;
    }
    ++halvings;
    const PartFate first = send(halves->first.series());
    const PartFate second =
        first == PartFate::later ? PartFate::later : send(halves->second.series());
    if (second == PartFate::later) {
      division.finished = false;
      return division;
    }
    halves->first.other_half(second == PartFate::refused);
    halves->second.other_half(first == PartFate::refused);
    if (first == PartFate::refused) parts.push_back(std::move(halves->first));
    if (second == PartFate::refused) parts.push_back(std::move(halves->second));
  }
  return division;
}

}  // namespace volta
