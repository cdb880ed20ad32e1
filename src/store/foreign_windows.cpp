// ForeignReader's part that reads windows: from the tiers' packs, and from samples where the
// journal has some that the tiers do not know yet.
#include <algorithm>
#include <set>

#include "store/foreign_reader.hpp"
#include "store/series_index.hpp"
#include "store/tier_codec.hpp"
#include "store/window_builder.hpp"
#include "store/window_merge.hpp"

namespace volta {
namespace {

// Samples taken into memory at a time, at one a second.
constexpr std::int64_t kSamplesOfChunk = 2'000'000;

// Sealed windows one after the other whose tiers lack something, or one that is not sealed.
struct UnsealedSpan {
  std::int64_t first_end = 0;
  std::int64_t last_end = 0;
  bool replaces = false;  // packs have all older samples, so the windows are made anew of all
};

// Two answers are the same as long as nothing was sealed.
std::pair<std::int64_t, std::int64_t> seal_state(Connection& connection, TimeSpan hours) {
  Query query = connection.query(
      "SELECT count(*), coalesce(sum(accepted), 0) FROM seal WHERE host_id=0 AND end_ms BETWEEN ?"
      " AND ?");
  query.with(hours.start_ms, hours.end_ms);
  query.step();
  return {query.integer(0), query.integer(1)};
}

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

// After the tiers' packs were read: an hour that was sealed meanwhile counts once.
std::vector<UnsealedSpan> unsealed_spans(Connection& connection, const std::set<std::int64_t>& ends,
                                         std::size_t series) {
  const std::int64_t most_ms =
      kSamplesOfChunk / (3600 * static_cast<std::int64_t>(std::max<std::size_t>(series, 1))) *
      kWindowMs;
  std::vector<UnsealedSpan> spans;
  for (const std::int64_t end : ends) {
    Query query =
        connection.query("SELECT 1 FROM pack WHERE host_id=0 AND tier=0 AND end_ms=? LIMIT 1");
    const bool replaces = query.with(end).step();
    const bool joins = !spans.empty() && spans.back().replaces == replaces &&
                       spans.back().last_end == window_start_ms(end) &&
                       end - spans.back().first_end < most_ms;
    if (joins) {
      spans.back().last_end = end;
    } else {
      spans.push_back({end, end, replaces});
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
            bad.report(open.row, reader.problem().text);
          } else if (reader.windows().size() > 0) {
            if (windows[i].empty()) windows[i].reserve(asked.ends, tier_step_ms(asked.tier));
            windows[i].put(reader.windows(), open.row.accepted, asked.ends, open.row.span_ms);
          }
        }
      });
}

// The windows of hours that no pack has all of, made of samples.
void join_samples(ForeignReading& reading, const UnsealedSpan& span,
                  std::span<const SeriesId> series, const WindowsAsked& asked,
                  std::vector<WindowMerge>& windows) {
  const std::int64_t start = window_start_ms(span.first_end) + 1;
  const TimeSpan inside{std::max(start, asked.ends.start_ms),
                        std::min(span.last_end, asked.ends.end_ms)};
  const auto columns = reading.read(series, {start, span.last_end});
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (span.replaces) windows[i].erase(inside);
    windows[i].join(
        build_windows({columns[i].times_ms, columns[i].values}, tier_step_ms(asked.tier)), inside);
  }
}

}  // namespace

std::vector<WindowColumn> ForeignReader::read_windows(std::span<const SeriesId> series,
                                                      const WindowsAsked& asked) const {
  // What is sealed meanwhile may be met twice or not at all; then once more.
  constexpr int kTries = 5;
  std::vector<WindowColumn> out(series.size());
  const TimeSpan ends = asked.ends;
  if (ends.start_ms > ends.end_ms || series.empty()) return out;
  const TimeSpan hours = windows_of_span(ends);
  for (int tries = 1;; ++tries) {
    std::vector<WindowMerge> windows(series.size());
    std::vector<UnsealedSpan> unsealed;
    std::pair<std::int64_t, std::int64_t> before;
    {
      auto connection = readers_.take();
      before = seal_state(*connection, hours);
      const auto hours_with_news = find_news(*connection, hours);
      add_tier_packs(connection, bad_, asked, series, windows);
      unsealed = unsealed_spans(*connection, hours_with_news, series.size());
    }
    if (!unsealed.empty()) {
      ForeignReading reading =
          begin({window_start_ms(unsealed.front().first_end), unsealed.back().last_end});
      for (const UnsealedSpan& span : unsealed) {
        join_samples(reading, span, series, asked, windows);
      }
    }
    bool same = false;
    if (!unsealed.empty()) same = seal_state(*readers_.take(), hours) == before;
    if (!unsealed.empty() && !same && tries < kTries) continue;
    for (std::size_t i = 0; i < series.size(); ++i) out[i] = windows[i].take();
    return out;
  }
}

}  // namespace volta
