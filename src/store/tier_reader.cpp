// StoreReader's part that reads windows: from the tiers' packs, and from samples where the journal
// has some that the tiers do not know yet.
#include <algorithm>
#include <set>

#include "store/hour_states.hpp"
#include "store/range_reader.hpp"
#include "store/tier_codec.hpp"
#include "store/window_builder.hpp"
#include "store/window_merge.hpp"

namespace volta {
namespace {

std::int64_t host_key(HostId id) { return static_cast<std::uint32_t>(id); }

// The end of the tier's first window that can be read; empty: there is none. Where a damaged page
// hides the oldest pack, the index knows when that ends.
std::optional<std::int64_t> oldest_window(Connection& connection, Tier tier) {
  try {
    Query query = connection.query("SELECT min_ms FROM pack WHERE tier=? ORDER BY end_ms LIMIT 1");
    if (query.with(static_cast<std::int64_t>(tier)).step()) return query.integer(0);
  } catch (const SqliteFailure& failure) {
    if (!failure.damaged()) throw;
  }
  Query query = connection.query("SELECT end_ms FROM pack WHERE tier=? ORDER BY end_ms LIMIT 1");
  if (!query.with(static_cast<std::int64_t>(tier)).step()) return std::nullopt;
  const std::int64_t step = tier_step_ms(tier);
  return std::min(query.integer(0), INT64_MAX - step) + step;
}

std::vector<WideGroups::Group> groups_of(Connection& connection, HostId host, TimeSpan hours) {
  std::vector<WideGroups::Group> groups;
  Query query = connection.query(
      "SELECT id, min_ms, max_ms FROM keyframe WHERE host_id=? AND min_ms<=? AND max_ms>=?");
  query.with(host_key(host), hours.end_ms, window_start_ms(hours.start_ms));
  while (query.step()) groups.push_back({query.integer(0), 0, query.integer(1), query.integer(2)});
  return groups;
}

// Hours that the journal has news of.
std::set<std::int64_t> unsealed_hours(Connection& connection, HostId host, TimeSpan hours,
                                      WideGroups& wide) {
  const SealMarks marks = SealMarks::read(connection, host, hours);
  std::set<std::int64_t> ends;
  for (WideGroups::Group& group : groups_of(connection, host, hours)) {
    std::int64_t accepted = 0;
    {
      Query query = connection.query(
          "SELECT id, accepted FROM journal WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1");
      query.with(group_start(group.id), group_start(group.id + 1));
      if (!query.step()) continue;
      group.last_row = query.integer(0);
      accepted = query.integer(1);
    }
    for (const std::int64_t end : wide.hours(connection, group)) {
      const bool asked = hours.start_ms <= end && end <= hours.end_ms;
      if (asked && marks.accepted(end) < accepted) ends.insert(end);
    }
  }
  return ends;
}

// A series that was asked for, with all its variants.
struct AskedSeries {
  std::vector<SeriesTable::Record> variants;
  std::vector<WindowMerge> of_variant;
  WindowMerge all;
};

class TierRead {
 public:
  TierRead(const SeriesTable& table, HostId host, std::span<const SeriesId> series) {
    for (const SeriesId id : series) {
      asked_.push_back({table.variants(host, id), {}, {}});
      asked_.back().of_variant.resize(asked_.back().variants.size());
      for (const auto& variant : asked_.back().variants) {
        first_ = std::min(first_, variant->id);
        last_ = std::max(last_, variant->id);
      }
    }
  }
  void add_packs(ReaderPool::Lease& lease, HostId host, const WindowsAsked& asked, BadPacks& bad);
  // Answers the hours in which samples of two variants lie among each other: the later ones may
  // stand in place of others, which windows cannot tell.
  std::set<std::int64_t> join_variants(const WindowsAsked& how);
  void add_samples(std::size_t place, const SampleColumn& samples, Tier tier, TimeSpan ends,
                   bool replaces);
  std::vector<WindowColumn> finish();

 private:
  std::vector<AskedSeries> asked_;
  SeriesId first_{UINT32_MAX};
  SeriesId last_{};
};

// The windows that the pack has of the series.
void add_pack(AskedSeries& series, TierColumnsReader& reader, const OpenPack& open,
              const WindowsAsked& asked, BadPacks& bad) {
  for (std::size_t i = 0; i < series.variants.size(); ++i) {
    if (!reader.read(open, series.variants[i]->id)) {
      bad.report_column(open.row, series.variants[i]->id, reader.problem().text);
      continue;
    }
    if (reader.windows().size() == 0) continue;
    WindowMerge& windows = series.of_variant[i];
    if (windows.empty()) windows.reserve(asked.ends, tier_step_ms(asked.tier));
    windows.put(reader.windows(), open.row.accepted, asked.ends, open.row.span_ms);
  }
}

void TierRead::add_packs(ReaderPool::Lease& lease, HostId host, const WindowsAsked& asked,
                         BadPacks& bad) {
  TierColumnsReader reader(lease.packs(), tier_step_ms(asked.tier), asked.fields);
  const PackRange range{asked.tier, host, asked.ends, first_, last_};
  visit_packs(*lease, range, bad, [&](const OpenPack& open) {
    for (AskedSeries& series : asked_) add_pack(series, reader, open, asked, bad);
  });
}

// Adds to `mixed` the hours in which a window's samples reach into what the variants before cover.
void find_mixed(const WindowColumn& windows, std::map<std::int64_t, TimeSpan>& covered,
                std::set<std::int64_t>& mixed) {
  for (std::size_t at = 0; at < windows.size(); ++at) {
    const TimeSpan span{windows.first_ms[at], windows.last_ms[at]};
    const auto [before, is_first] = covered.emplace(windows.end_ms[at], span);
    if (is_first) continue;
    TimeSpan& known = before->second;
    if (span.start_ms <= known.end_ms && known.start_ms <= span.end_ms) {
      mixed.insert(window_end_ms(windows.end_ms[at], kWindowMs));
    }
    known = {std::min(known.start_ms, span.start_ms), std::max(known.end_ms, span.end_ms)};
  }
}

std::set<std::int64_t> TierRead::join_variants(const WindowsAsked& how) {
  std::set<std::int64_t> mixed;
  for (AskedSeries& asked : asked_) {
    const auto with_windows =
        std::count_if(asked.of_variant.begin(), asked.of_variant.end(),
                      [](const WindowMerge& variant) { return !variant.empty(); });
    std::map<std::int64_t, TimeSpan> covered;  // by window, of the variants so far
    for (std::size_t i = 0; i < asked.variants.size(); ++i) {
      WindowColumn windows = asked.of_variant[i].take();
      if (with_windows > 1) find_mixed(windows, covered, mixed);
      scale_windows(windows, asked.variants[i]->def.type, asked.variants[i]->def.scale, how.fields);
      asked.all.join(std::move(windows), how.ends);
    }
  }
  return mixed;
}

void TierRead::add_samples(std::size_t place, const SampleColumn& samples, Tier tier, TimeSpan ends,
                           bool replaces) {
  WindowMerge& all = asked_[place].all;
  if (replaces) all.erase(ends);
  all.join(build_windows({samples.times_ms, samples.values}, tier_step_ms(tier)), ends);
}

std::vector<WindowColumn> TierRead::finish() {
  std::vector<WindowColumn> out;
  out.reserve(asked_.size());
  for (AskedSeries& asked : asked_) out.push_back(asked.all.take());
  return out;
}

}  // namespace

std::vector<WindowColumn> StoreReader::read_windows(HostId host, std::span<const SeriesId> series,
                                                    const WindowsAsked& asked) const {
  const TimeSpan ends = asked.ends;
  // What asks for another go comes once in an hour's life.
  constexpr int kMostTries = 20;
  for (int tries = 1;; ++tries) {
    TierRead reading(series_, host, series);
    if (ends.start_ms > ends.end_ms) return reading.finish();
    HourStates before;
    {
      auto connection = readers_.take();
      const TimeSpan hours{window_end_ms(ends.start_ms, kWindowMs),
                           window_end_ms(ends.end_ms, kWindowMs)};
      before = states_of(*connection, host, unsealed_hours(*connection, host, hours, wide_));
      reading.add_packs(connection, host, asked, bad_);
      for (const auto& [end, state] : states_of(*connection, host, reading.join_variants(asked))) {
        if (state.has_samples) before.emplace(end, state);
      }
    }
    if (before.empty()) return reading.finish();
    std::map<std::int64_t, std::vector<SampleColumn>> samples;
    for (const auto& [end, state] : before) {
      samples[end] = read(host, series, window_start_ms(end) + 1, end);
    }
    // Asked last.
    const HourStates after = states_of(*readers_.take(), host, ends_of(before));
    if (samples_went(before, after) && tries < kMostTries) continue;
    for (const auto& [end, columns] : samples) {
      const TimeSpan clipped{std::max(window_start_ms(end) + 1, ends.start_ms),
                             std::min(end, ends.end_ms)};
      for (std::size_t i = 0; i < columns.size(); ++i) {
        reading.add_samples(i, columns[i], asked.tier, clipped, after.at(end).has_samples);
      }
    }
    return reading.finish();
  }
}

// What came late, or of an archive that was brought back in part, must not hide that the hours
// behind it have windows only. An hour in which there never was anything looks like one that is
// gone: of what was before it the windows tell.
std::int64_t StoreReader::whole_since_ms(std::int64_t oldest_ms) const {
  std::int64_t end = ages_.archived_to_ms();
  if (end < oldest_ms) return oldest_ms;
  auto connection = readers_.take();
  for (; end >= oldest_ms; end = window_start_ms(end)) {
    Query query = (*connection).query("SELECT 1 FROM pack WHERE tier=0 AND end_ms=? LIMIT 1");
    if (!query.with(end).step()) return end + 1;
  }
  return oldest_ms;
}

std::optional<std::int64_t> StoreReader::oldest_ms(Tier tier) const {
  std::optional<std::int64_t> oldest = oldest_ms();
  // Samples go by whole hours. So nothing of the hour of the oldest one is gone: before it there
  // was none, and windows that begin earlier than it know no more.
  if (oldest) {
    oldest = whole_since_ms(std::max(window_start_ms(window_end_ms(*oldest, kWindowMs)) + 1,
                                     ages_.kept_since_ms(Tier::raw)));
  }
  if (tier == Tier::raw) return oldest;
  auto connection = readers_.take();
  if (const auto end = oldest_window(*connection, tier)) {
    const std::int64_t step = tier_step_ms(tier);
    const std::int64_t first = std::max(*end, INT64_MIN + step) - step + 1;
    oldest = std::min(oldest.value_or(INT64_MAX), std::max(first, ages_.kept_since_ms(tier)));
  }
  return oldest;
}

}  // namespace volta
