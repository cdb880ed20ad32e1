// ForeignReader's part that reads windows: from the tiers' packs, and from samples where the
// journal has some that the tiers do not know yet.
#include <algorithm>
#include <set>

#include "store/foreign_reader.hpp"
#include "store/series_index.hpp"
#include "store/tier_codec.hpp"
#include "store/window_builder.hpp"
#include "store/window_intake.hpp"
#include "store/window_merge.hpp"

namespace volta {
namespace {

// Samples taken into memory at a time, at one a second.
constexpr std::int64_t kSamplesOfChunk = 2'000'000;

// Hours that the journal has news of.
std::set<std::int64_t> find_news(Connection& connection, TimeSpan hours) {
  const SealMarks marks = SealMarks::read(connection, kNoHost, hours);
  std::set<std::int64_t> found;
  ForeignRowReader reader(connection);
  ForeignRow decoded;
  const TimeSpan span{window_start_ms(hours.start_ms), hours.end_ms};
  for (const ForeignRowSpan& row : find_foreign_rows(connection, span, INT64_MAX)) {
    std::vector<std::int64_t> ends{window_end_ms(row.min_ms, kWindowMs),
                                   window_end_ms(row.max_ms, kWindowMs)};
    const auto all = [](std::span<const SeriesId>) { return true; };
    if (is_wide(row) && reader.read(row.id, all, decoded) == ForeignRowReader::Found::samples) {
      ends = windows_of_row(decoded);
    }
    for (const std::int64_t end : ends) {
      if (end < hours.start_ms || end > hours.end_ms || marks.accepted(end) >= row.id) continue;
      found.insert(end);
    }
  }
  return found;
}

// The hours, those that follow each other together, as long as their samples fit into memory.
std::vector<TimeSpan> spans_of(const HourStates& hours, std::size_t series) {
  const std::int64_t most_ms =
      kSamplesOfChunk / (3600 * static_cast<std::int64_t>(std::max<std::size_t>(series, 1))) *
      kWindowMs;
  std::vector<TimeSpan> spans;  // first and last end
  for (const auto& [end, state] : hours) {
    const bool joins = !spans.empty() && spans.back().end_ms == window_start_ms(end) &&
                       end - spans.back().start_ms < most_ms;
    if (joins) {
      spans.back().end_ms = end;
    } else {
      spans.push_back({end, end});
    }
  }
  return spans;
}

void add_tier_packs(ReaderPool::Lease& lease, BadPacks& bad, const WindowsAsked& asked,
                    std::span<const SeriesId> series, std::vector<WindowMerge>& windows) {
  const auto [first, last] = std::minmax_element(series.begin(), series.end());
  TierColumnsReader reader(lease.packs(), tier_step_ms(asked.tier), asked.fields);
  visit_packs(
      *lease, {asked.tier, kNoHost, asked.ends, *first, *last}, bad, [&](const OpenPack& open) {
        for (std::size_t i = 0; i < series.size(); ++i) {
          if (series[i] < open.row.first_series || series[i] > open.row.last_series) continue;
          if (!reader.read(open, series[i])) {
            bad.report_column(open.row, series[i], reader.problem().text);
          } else if (reader.windows().size() > 0) {
            if (windows[i].empty()) windows[i].reserve(asked.ends, tier_step_ms(asked.tier));
            windows[i].put(reader.windows(), open.row.accepted, asked.ends, open.row.span_ms);
          }
        }
      });
}

// Into the windows of the tiers: those of the samples of some hours that follow each other. False:
// it takes more than the asked fields of the windows.
bool add_samples(const WindowsAsked& asked, TimeSpan ends, const HourStates& hours,
                 const SampleSlice& samples, WindowMerge& windows) {
  const std::int64_t step_ms = tier_step_ms(asked.tier);
  for (auto hour = hours.begin(); hour != hours.end();) {
    const std::int64_t start = window_start_ms(hour->first);
    std::int64_t end = start;
    for (; hour != hours.end() && hour->second.has_samples; ++hour) end = hour->first;
    if (end == start) {
      ++hour;
    } else {
      windows.erase({start + 1, end});
    }
  }
  WindowColumn fresh = build_windows(samples, step_ms);
  // Of hours whose samples are gone: what came may be a repeat.
  const WindowColumn counted = windows.cut(ends);
  if (count_of(counted) > 0) {
    if (!asked.fields.min_and_max) return false;
    fresh = taken_in(counted, windows_of_new(counted, samples, step_ms), fresh);
  }
  windows.join(std::move(fresh), ends);
  return true;
}

}  // namespace

ForeignReader::WindowsRead ForeignReader::add_unsealed(std::span<const SeriesId> series,
                                                       const WindowsAsked& asked,
                                                       const HourStates& hours,
                                                       std::vector<WindowMerge>& windows) const {
  if (hours.empty()) return WindowsRead::all;
  WindowsRead outcome = WindowsRead::all;
  ForeignReading reading = begin({window_start_ms(hours.begin()->first), hours.rbegin()->first});
  for (const TimeSpan& span : spans_of(hours, series.size())) {
    const std::int64_t start = window_start_ms(span.start_ms) + 1;
    const auto columns = reading.read(series, {start, span.end_ms});
    const HourStates before(hours.find(span.start_ms), hours.upper_bound(span.end_ms));
    // Asked last.
    const HourStates after = states_of(*readers_.take(), kNoHost, ends_of(before));
    if (samples_went(before, after)) outcome = WindowsRead::some_went;
    const TimeSpan inside{std::max(start, asked.ends.start_ms),
                          std::min(span.end_ms, asked.ends.end_ms)};
    for (std::size_t i = 0; i < series.size(); ++i) {
      const SampleSlice samples{columns[i].times_ms, columns[i].values};
      if (!add_samples(asked, inside, after, samples, windows[i])) {
        return WindowsRead::without_extremes;
      }
    }
  }
  return outcome;
}

std::vector<WindowColumn> ForeignReader::read_windows(std::span<const SeriesId> series,
                                                      const WindowsAsked& asked) const {
  // What asks for another go comes once in an hour's life.
  constexpr int kTries = 20;
  std::vector<WindowColumn> out(series.size());
  const TimeSpan ends = asked.ends;
  if (ends.start_ms > ends.end_ms || series.empty()) return out;
  const TimeSpan hours = windows_of_span(ends);
  WindowsAsked how = asked;
  for (int tries = 1;; ++tries) {
    std::vector<WindowMerge> windows(series.size());
    HourStates before;
    {
      auto connection = readers_.take();
      before = states_of(*connection, kNoHost, find_news(*connection, hours));
      add_tier_packs(connection, bad_, how, series, windows);
    }
    const WindowsRead read = add_unsealed(series, how, before, windows);
    if (read == WindowsRead::without_extremes) how.fields.min_and_max = true;
    if (read == WindowsRead::without_extremes || (read == WindowsRead::some_went && tries < kTries))
      continue;
    for (std::size_t i = 0; i < series.size(); ++i) out[i] = windows[i].take();
    return out;
  }
}

}  // namespace volta
