#include "store/pack_sink.hpp"

#include <algorithm>

namespace volta {
namespace {

constexpr std::size_t kMostHints = 50'000;

}  // namespace

PackWorkshop::Hints& PackWorkshop::hints_of(SeriesId series) {
  if (hints.size() >= kMostHints && !hints.contains(series)) hints.clear();
  return hints[series];
}

PackSink::PackSink(PackWorkshop& workshop, const PackRow& like, std::vector<NewPack>& out)
    : workshop_(workshop), writer_(workshop.writer_of(like.tier)), like_(like), out_(out) {
  writer_.clear();  // of what a sink left there that an exception ended before its finish()
}

void PackSink::note(SeriesId series, std::size_t samples, std::int64_t min_ms) {
  if (row_.samples == 0) {
    row_ = like_;
    row_.samples = 0;
    row_.first_series = row_.last_series = series;
    row_.min_ms = min_ms;
  }
  row_.first_series = std::min(row_.first_series, series);
  row_.last_series = std::max(row_.last_series, series);
  row_.samples += static_cast<std::int64_t>(samples);
  row_.min_ms = std::min(row_.min_ms, min_ms);
}

void PackSink::add_piece(const SampleTable::Column& column, ValueType type, std::size_t first,
                         std::size_t count) {
  if (writer_.full()) finish();
  note(column.series, count, column.times_ms[first]);
  const std::span times(column.times_ms);
  const std::span raw(column.raw);
  writer_.add({column.series, 0, type, times.subspan(first, count), raw.subspan(first, count), {}},
              workshop_.hints_of(column.series).raw);
}

void PackSink::add(const SampleTable::Column& column, ValueType type,
                   std::span<const std::int64_t> grid) {
  const std::size_t samples = column.times_ms.size();
  if (samples == 0) return;
  const bool fits_grid = samples < grid.size() && grid.size() <= kMostColumnTicks &&
                         samples >= grid.size() - grid.size() / 8;
  if (!fits_grid) {
    for (std::size_t first = 0; first < samples; first += kMostColumnTicks) {
      if (first != 0) finish();  // no pack has two columns of one series
      add_piece(column, type, first, std::min(kMostColumnTicks, samples - first));
    }
    return;
  }
  if (writer_.full()) finish();
  note(column.series, samples, column.times_ms.front());
  raw_.assign(grid.size(), 0);
  present_.assign(grid.size(), 0);
  for (std::size_t i = 0, tick = 0; i < samples; ++i, ++tick) {
    while (grid[tick] != column.times_ms[i]) ++tick;
    raw_[tick] = column.raw[i];
    present_[tick] = 1;
  }
  writer_.add({column.series, 0, type, grid, raw_, present_},
              workshop_.hints_of(column.series).raw);
}

void PackSink::add(SeriesId series, Kind kind, const WindowColumn& windows) {
  if (windows.size() == 0) return;
  if (writer_.full()) finish();
  note(series, windows.size(), windows.end_ms.front());
  PackWorkshop::Hints& hints = workshop_.hints_of(series);
  add_tier_columns(writer_, like_.tier == Tier::minute ? hints.minute : hints.hour, series, kind,
                   windows);
}

void PackSink::finish() {
  if (writer_.columns() == 0) return;
  out_.push_back({row_, writer_.finish()});
  row_ = PackRow{};
}

}  // namespace volta
