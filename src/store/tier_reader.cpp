// StoreReader's part that reads windows: from the tiers' packs, and from samples where the journal
// has some that the tiers do not know yet.
#include <algorithm>
#include <set>

#include "store/range_reader.hpp"
#include "store/tier_codec.hpp"
#include "store/window_builder.hpp"
#include "store/window_merge.hpp"

namespace volta {
namespace {

std::int64_t host_key(HostId id) { return static_cast<std::uint32_t>(id); }

// Hours that the journal has news of, by their ends, and whether packs have all older samples.
using UnsealedHours = std::map<std::int64_t, bool>;

bool has_samples(Connection& connection, HostId host, std::int64_t end_ms) {
  Query query =
      connection.query("SELECT 1 FROM pack WHERE host_id=? AND tier=0 AND end_ms=? LIMIT 1");
  return query.with(host_key(host), end_ms).step();
}

UnsealedHours unsealed_hours(Connection& connection, HostId host, TimeSpan hours) {
  struct Group {
    std::int64_t id, first_end, last_end;
  };
  const SealMarks marks = SealMarks::read(connection, host, hours);
  std::vector<Group> groups;
  {
    Query query = connection.query(
        "SELECT id, min_ms, max_ms FROM keyframe WHERE host_id=? AND min_ms<=? AND max_ms>=?");
    query.with(host_key(host), hours.end_ms, window_start_ms(hours.start_ms));
    while (query.step()) {
      groups.push_back({query.integer(0), window_end_ms(query.integer(1), kWindowMs),
                        window_end_ms(query.integer(2), kWindowMs)});
    }
  }
  std::set<std::int64_t> ends;
  for (const Group& group : groups) {
    std::int64_t accepted = 0;
    {
      Query query = connection.query(
          "SELECT accepted FROM journal WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1");
      query.with(group_start(group.id), group_start(group.id + 1));
      if (query.step()) accepted = query.integer(0);
    }
    const std::int64_t last = std::min(group.last_end, hours.end_ms);
    for (std::int64_t end = std::max(group.first_end, hours.start_ms); end <= last;
         end += kWindowMs) {
      if (marks.accepted(end) < accepted) ends.insert(end);
      if (end > INT64_MAX - kWindowMs) break;
    }
  }
  UnsealedHours found;
  for (const std::int64_t end : ends) found.emplace(end, has_samples(connection, host, end));
  return found;
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
  void add_packs(Connection& connection, HostId host, Tier tier, TimeSpan ends, BadPacks& bad);
  void join_variants(TimeSpan ends);
  void add_samples(std::size_t place, const SampleColumn& samples, Tier tier, TimeSpan ends,
                   bool replaces);
  std::vector<WindowColumn> finish();

 private:
  std::vector<AskedSeries> asked_;
  SeriesId first_{UINT32_MAX};
  SeriesId last_{};
};

// The windows that the pack has of the series; what is wrong with it, if anything.
std::optional<Error> add_pack(AskedSeries& asked, PackReader& reader, const OpenPack& open,
                              Tier tier, TimeSpan ends) {
  std::optional<Error> problem;
  for (std::size_t i = 0; i < asked.variants.size(); ++i) {
    const auto windows = read_tier_columns(reader, open, asked.variants[i]->id, tier_step_ms(tier));
    if (windows) {
      asked.of_variant[i].put(*windows, open.row.accepted, ends, open.row.span_ms);
    } else {
      problem = windows.error();
    }
  }
  return problem;
}

void TierRead::add_packs(Connection& connection, HostId host, Tier tier, TimeSpan ends,
                         BadPacks& bad) {
  PackReader reader;
  visit_packs(connection, {tier, host, ends, first_, last_}, bad, [&](const OpenPack& open) {
    for (AskedSeries& asked : asked_) {
      const auto problem = add_pack(asked, reader, open, tier, ends);
      if (problem) bad.report(open.row, problem->text);
    }
  });
}

void TierRead::join_variants(TimeSpan ends) {
  for (AskedSeries& asked : asked_) {
    for (std::size_t i = 0; i < asked.variants.size(); ++i) {
      WindowColumn windows = asked.of_variant[i].take();
      scale_windows(windows, asked.variants[i]->def.type, asked.variants[i]->def.scale);
      asked.all.join(windows, ends);
    }
  }
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
                                                    Tier tier, TimeSpan ends) const {
  TierRead reading(series_, host, series);
  if (ends.start_ms > ends.end_ms) return reading.finish();
  UnsealedHours unsealed;
  {
    auto connection = readers_.take();
    // First: what is sealed from now on is found in samples and left out of the tiers.
    unsealed = unsealed_hours(
        *connection, host,
        {window_end_ms(ends.start_ms, kWindowMs), window_end_ms(ends.end_ms, kWindowMs)});
    reading.add_packs(*connection, host, tier, ends, bad_);
  }
  reading.join_variants(ends);
  for (const auto& [end, replaces] : unsealed) {
    const std::int64_t start = window_start_ms(end) + 1;
    const auto columns = read(host, series, start, end);
    const TimeSpan clipped{std::max(start, ends.start_ms), std::min(end, ends.end_ms)};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      reading.add_samples(i, columns[i], tier, clipped, replaces);
    }
  }
  return reading.finish();
}

std::optional<std::int64_t> StoreReader::oldest_ms(Tier tier) const {
  std::optional<std::int64_t> oldest = oldest_ms();
  // Samples go by whole hours. So nothing of the hour of the oldest one is gone: before it there
  // was none, and windows that begin earlier than it know no more.
  if (oldest) oldest = window_start_ms(window_end_ms(*oldest, kWindowMs)) + 1;
  if (tier == Tier::raw) return oldest;
  auto connection = readers_.take();
  Query query = (*connection).query("SELECT min_ms FROM pack WHERE tier=? ORDER BY end_ms LIMIT 1");
  if (query.with(static_cast<std::int64_t>(tier)).step()) {
    oldest = std::min(oldest.value_or(INT64_MAX), query.integer(0) - tier_step_ms(tier) + 1);
  }
  return oldest;
}

}  // namespace volta
