#include "store/pack_merge.hpp"

#include <algorithm>
#include <map>

#include "store/window_builder.hpp"
#include "store/window_merge.hpp"

namespace volta {
namespace {

constexpr std::int64_t kMinuteSpanMs = 6 * kWindowMs;
constexpr std::int64_t kDayMs = 24 * kWindowMs;
constexpr std::int64_t kHourSpanMs = 30 * kDayMs;
// A period is over when its last hour is sealed.
constexpr std::int64_t kPatienceMs = 300'000;
// Where a long pack is there already, this many short ones are waited for.
constexpr std::size_t kManyShort = 4;
// Taken into memory at a time.
constexpr std::int64_t kSamplesAtOnce = 2'000'000;
constexpr std::int64_t kWindowsAtOnce = 300'000;

std::int64_t target_span(Tier tier, std::int64_t span_ms) {
  if (tier == Tier::minute) return kMinuteSpanMs;
  return span_ms < kDayMs ? kDayMs : kHourSpanMs;
}

}  // namespace

std::uint64_t PackMerger::pass(std::int64_t now_ms, bool everything,
                               const std::function<bool()>& stop) {
  std::uint64_t bytes = 0;
  // Days become months only after hours have become days.
  for (int round = 0; round < 2; ++round) {
    for (const Period& period : find_due(now_ms, everything)) {
      if (stop()) return bytes;
      if (period.tier == Tier::raw) late_.erase({period.end_ms, period.host});
      if (is_worth_it(period, everything)) bytes += merge(period);
    }
  }
  return bytes;
}

std::vector<PackMerger::Period> PackMerger::find_due(std::int64_t now_ms, bool everything) {
  std::set<Period> periods;
  for (const auto& [place, times] : late_) {
    if (times < kManyShort && !everything) continue;
    periods.insert({Tier::raw, place.second, place.first, kWindowMs});
  }
  Query query = parts_.connection.query(
      "SELECT DISTINCT tier, host_id, end_ms, span_ms FROM pack INDEXED BY pack_short"
      " WHERE (tier = 1 AND span_ms < 21600000) OR (tier = 2 AND span_ms < 2592000000)");
  while (query.step()) {
    const auto tier = Tier(static_cast<std::uint8_t>(query.integer(0)));
    const std::int64_t span = target_span(tier, query.integer(3));
    const std::int64_t end = window_end_ms(query.integer(2), span);
    const bool is_over = end < now_ms - kPatienceMs;
    if (!is_over && !everything) continue;
    periods.insert({tier, HostId(static_cast<std::uint32_t>(query.integer(1))), end, span});
  }
  return {periods.begin(), periods.end()};
}

void PackMerger::visit(const Period& period, SeriesId first, SeriesId last,
                       const std::function<void(const OpenPack&)>& visit) {
  const std::int64_t start =
      period.end_ms < INT64_MIN + period.span_ms ? INT64_MIN : period.end_ms - period.span_ms;
  visit_packs(parts_.connection,
              {period.tier, period.host, {start + 1, period.end_ms}, first, last}, parts_.bad,
              [&](const OpenPack& open) {
                if (open.row.end_ms <= period.end_ms && open.row.span_ms <= period.span_ms) {
                  visit(open);
                }
              });
}

std::vector<PackRow> PackMerger::rows_of(const Period& period) {
  std::vector<PackRow> rows;
  visit(period, {}, SeriesId{UINT32_MAX}, [&](const OpenPack& open) { rows.push_back(open.row); });
  return rows;
}

// Counts sources: an hour that was sealed at once may be several packs.
bool PackMerger::is_worth_it(const Period& period, bool everything) {
  std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t>> sources;
  bool has_long = false;
  for (const PackRow& row : rows_of(period)) {
    sources.emplace(row.end_ms, row.span_ms, row.accepted);
    has_long = has_long || row.span_ms == period.span_ms;
  }
  if (everything || !has_long) return sources.size() > 1;
  return sources.size() > kManyShort;
}

std::uint64_t PackMerger::merge(const Period& period) {
  const std::vector<PackRow> rows = rows_of(period);
  if (rows.empty()) return 0;
  PackRow like{0, period.tier, period.host, period.end_ms, period.span_ms};
  std::int64_t samples = 0;
  std::int64_t first = INT64_MAX;
  std::int64_t last = 0;
  for (const PackRow& row : rows) {
    like.accepted = std::max(like.accepted, row.accepted);
    samples += row.samples;
    first = std::min<std::int64_t>(first, static_cast<std::uint32_t>(row.first_series));
    last = std::max<std::int64_t>(last, static_cast<std::uint32_t>(row.last_series));
  }
  const std::int64_t goes =
      1 + samples / (period.tier == Tier::raw ? kSamplesAtOnce : kWindowsAtOnce);
  const std::int64_t series_of_go = 1 + (last - first) / goes;
  std::vector<NewPack> packs;
  PackSink sink(parts_.workshop, like, packs);
  for (std::int64_t from = first; from <= last; from += series_of_go) {
    const SeriesId least{static_cast<std::uint32_t>(from)};
    const SeriesId most{static_cast<std::uint32_t>(std::min(from + series_of_go - 1, last))};
    if (period.tier == Tier::raw) {
      merge_samples(period, sink, least, most);
    } else {
      merge_windows(period, sink, least, most);
    }
  }
  sink.finish();
  std::uint64_t bytes = 0;
  parts_.writer.call([&](Connection& connection) {
    bytes = 0;
    for (const PackRow& row : rows) {
      if (parts_.bad.known(row.id)) return;  // its samples may be saved by somebody
      Query query = connection.query("SELECT 1 FROM pack WHERE id=?");
      if (!query.with(row.id).step()) return;  // retention was here
    }
    for (const PackRow& row : rows) {
      connection.query("DELETE FROM pack WHERE id=?").with(row.id).run();
    }
    for (const NewPack& pack : packs) {
      insert_pack(connection, pack);
      bytes += pack.data.size();
    }
  });
  return bytes;
}

void PackMerger::merge_samples(const Period& period, PackSink& sink, SeriesId first,
                               SeriesId last) {
  SampleTable table;
  std::map<SeriesId, ValueType> types;
  visit(period, first, last, [&](const OpenPack& open) {
    std::unordered_map<std::int64_t, std::uint32_t> ticks;
    for (const PackEntry& entry : open.pack.entries()) {
      if (entry.series < first || entry.series > last) continue;
      const auto samples = parts_.workshop.reader.raw(open.pack, entry, column_bytes(open, entry));
      if (!samples) {
        parts_.bad.report(open.row, samples.error().text);
        continue;
      }
      if (types.emplace(entry.series, entry.type).second) {
        const auto variants = parts_.series.variants(period.host, entry.series);
        const SeriesId kin = variants.empty() ? entry.series : variants.front()->id;
        table.add_series(entry.series, static_cast<std::uint32_t>(kin));
      }
      const std::uint32_t column = *table.find(entry.series);
      for (std::size_t i = 0; i < samples->times_ms.size(); ++i) {
        const auto [tick, is_new] = ticks.emplace(samples->times_ms[i], 0);
        if (is_new) tick->second = table.tick(samples->times_ms[i], open.row.accepted);
        table.add(column, tick->second, samples->values[i]);
      }
    }
  });
  table.resolve();
  for (const auto& [series, type] : types) {
    sink.add(table.take(*table.find(series)), type, table.times_ms());
  }
}

void PackMerger::merge_windows(const Period& period, PackSink& sink, SeriesId first,
                               SeriesId last) {
  constexpr TimeSpan kAll{INT64_MIN, INT64_MAX};
  struct Merged {
    WindowMerge windows;
    Kind kind = Kind::gauge;
  };
  std::map<SeriesId, Merged> all;
  visit(period, first, last, [&](const OpenPack& open) {
    SeriesId before{};
    for (const PackEntry& entry : open.pack.entries()) {
      if (entry.series < first || entry.series > last || entry.series == before) continue;
      before = entry.series;
      const auto windows =
          read_tier_columns(parts_.workshop.reader, open, entry.series, tier_step_ms(period.tier));
      if (!windows) {
        parts_.bad.report(open.row, windows.error().text);
        continue;
      }
      Merged& merged = all[entry.series];
      merged.windows.put(*windows, open.row.accepted, kAll);
      merged.kind = kind_of_tier_columns(open.pack, entry.series);
    }
  });
  for (auto& [series, merged] : all) sink.add(series, merged.kind, merged.windows.take());
}

}  // namespace volta
