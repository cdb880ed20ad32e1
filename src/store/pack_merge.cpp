#include "store/pack_merge.hpp"

#include <algorithm>
#include <tuple>

#include "base/log.hpp"
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
constexpr std::int64_t kMergedSamplesAtOnce = 2'000'000;
constexpr std::int64_t kMergedWindowsAtOnce = 300'000;

// Sources of more bytes stay as they are: their packs are long enough one by one.
constexpr std::int64_t kMostBytes = 64 << 20;
constexpr std::chrono::minutes kFirstMergeRetry{2};
constexpr int kMostMergeDoublings = 8;

std::int64_t longest_span(Tier tier) {
  return tier == Tier::raw ? kWindowMs : tier == Tier::minute ? kMinuteSpanMs : kHourSpanMs;
}

std::int64_t target_span(Tier tier, std::int64_t span_ms) {
  return tier == Tier::hour && span_ms < kDayMs ? kDayMs : longest_span(tier);
}

std::int64_t merged_host(HostId id) { return static_cast<std::uint32_t>(id); }

}  // namespace

std::uint64_t PackMerger::pass(bool everything, const std::function<bool()>& stop) {
  std::uint64_t bytes = 0;
  std::exception_ptr first;
  // Days become months only after hours have become days.
  for (int round = 0; round < 2; ++round) {
    look(everything);
    for (const Period& period : find_due(everything)) {
      if (stop() || parts_.writer.read_only()) return bytes;
      try {
        if (!look_at(period, everything, bytes)) continue;
        open_.erase(period);
        failed_.erase(period);
      } catch (const std::exception& failure) {
        if (stop()) return bytes;
        if (!first) first = std::current_exception();
        note_failure(period, failure);
      }
    }
  }
  if (first) std::rethrow_exception(first);
  return bytes;
}

void PackMerger::note_failure(const Period& period, const std::exception& failure) {
  Retry& retry = failed_[period];
  retry.at = parts_.clock.monotonic() +
             kFirstMergeRetry * (1 << std::min(retry.failures, kMostMergeDoublings));
  if (++retry.failures > 1) return;
  log::error("packs of a host could not be merged; they stay as they are and it is tried again",
             {{"host", static_cast<std::uint32_t>(period.host)},
              {"tier", std::string(to_text(period.tier))},
              {"end_ms", period.end_ms},
              {"error", std::string_view(failure.what())}});
}

// What came since the last look, by the rising id; at first what is short, by its index.
void PackMerger::look(bool everything) {
  const auto note_rows = [&](Query& query) {
    while (query.step()) {
      note(Tier(static_cast<std::uint8_t>(query.integer(0))),
           HostId(static_cast<std::uint32_t>(query.integer(1))), query.integer(2),
           query.integer(3));
    }
  };
  const std::int64_t newest = parts_.connection.number("SELECT max(id) FROM pack");
  if (seen_ < 0 || everything) {
    Query query = parts_.connection.query(
        "SELECT DISTINCT tier, host_id, end_ms, span_ms FROM pack INDEXED BY pack_short"
        " WHERE (tier = 1 AND span_ms < 21600000) OR (tier = 2 AND span_ms < 2592000000)");
    note_rows(query);
  }
  if (everything) {
    Query query = parts_.connection.query(
        "SELECT 0, host_id, end_ms, 3600000 FROM pack INDEXED BY pack_host WHERE tier = 0"
        " GROUP BY host_id, end_ms HAVING count(*) > 1");
    note_rows(query);
  }
  if (seen_ >= 0) {
    Query query = parts_.connection.query(
        "SELECT tier, host_id, end_ms, span_ms FROM pack WHERE id > ? AND id <= ?");
    note_rows(query.with(seen_, newest));
  }
  seen_ = std::max(seen_, newest);
}

void PackMerger::note(Tier tier, HostId host, std::int64_t end_ms, std::int64_t span_ms) {
  if (tier != Tier::raw && span_ms >= longest_span(tier)) return;
  const std::int64_t span = target_span(tier, span_ms);
  open_.insert({tier, host, window_end_ms(end_ms, span), span});
}

std::vector<PackMerger::Period> PackMerger::find_due(bool everything) {
  const std::int64_t now_ms = parts_.clock.wall_ms();
  std::vector<Period> due;
  for (const Period& period : open_) {
    const bool is_over = period.end_ms < now_ms - kPatienceMs;
    if (!is_over && !everything) continue;
    const auto failed = failed_.find(period);
    if (failed != failed_.end() && !everything && parts_.clock.monotonic() < failed->second.at) {
      continue;
    }
    due.push_back(period);
  }
  return due;
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

std::vector<PackRow> PackMerger::rows_of(const Period& period, std::int64_t& bytes) {
  std::vector<PackRow> rows;
  Query query = parts_.connection.query(
      "SELECT id, tier, host_id, end_ms, span_ms, accepted, first_series, last_series, samples,"
      " min_ms, length(data) FROM pack WHERE host_id=?1 AND tier=?2 AND end_ms > ?3 AND end_ms <= "
      "?4 AND span_ms <= ?5");
  query.with(
      merged_host(period.host), static_cast<std::int64_t>(period.tier),
      period.end_ms < INT64_MIN + period.span_ms ? INT64_MIN : period.end_ms - period.span_ms,
      period.end_ms, period.span_ms);
  while (query.step()) {
    rows.push_back(read_pack_row(query));
    bytes += query.integer(10);
  }
  return rows;
}

// Counts sources: an hour that was sealed at once may be several packs.
bool PackMerger::is_worth_it(const Period& period, const std::vector<PackRow>& rows,
                             bool everything) {
  std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t>> sources;
  bool has_long = false;
  std::int64_t newest = 0;
  for (const PackRow& row : rows) {
    sources.emplace(row.end_ms, row.span_ms, row.accepted);
    has_long = has_long || row.span_ms == period.span_ms;
    newest = std::max(newest, row.accepted);
  }
  if (period.tier == Tier::raw && !rows.empty()) {
    // Of a seal that came to no end: its samples do not count as newer than the journal's yet.
    Query mark = parts_.connection.query("SELECT accepted FROM seal WHERE host_id=? AND end_ms=?");
    mark.with(merged_host(period.host), period.end_ms);
    if (!mark.step() || mark.integer(0) < newest) return false;
  }
  if (everything || !has_long) return sources.size() > 1;
  return sources.size() > kManyShort;
}

// True: until there are more packs, nothing is left to do.
bool PackMerger::look_at(const Period& period, bool everything, std::uint64_t& bytes) {
  std::int64_t before = 0;
  const std::vector<PackRow> rows = rows_of(period, before);
  if (before > kMostBytes || !is_worth_it(period, rows, everything)) return true;
  const std::vector<NewPack> packs = merged(period, rows);
  if (met_broken_) return true;
  bool written = false;
  parts_.writer.call([&](Connection& connection) {
    written = false;
    for (const PackRow& row : rows) {
      if (parts_.bad.known(row.id)) return;  // its samples may be saved by somebody
      Query query = connection.query("SELECT 1 FROM pack WHERE id=?");
      if (!query.with(row.id).step()) return;  // retention was here
    }
    for (const PackRow& row : rows) {
      connection.query("DELETE FROM pack WHERE id=?").with(row.id).run();
    }
    for (const NewPack& pack : packs) insert_pack(connection, pack);
    written = true;
  });
  if (!written) return false;
  for (const NewPack& pack : packs) bytes += pack.data.size();
  return true;
}

std::vector<NewPack> PackMerger::merged(const Period& period, const std::vector<PackRow>& rows) {
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
      1 + samples / (period.tier == Tier::raw ? kMergedSamplesAtOnce : kMergedWindowsAtOnce);
  const std::int64_t series_of_go = 1 + (last - first) / goes;
  std::vector<NewPack> packs;
  met_broken_ = false;
  PackSink sink(parts_.workshop, like, packs);
  for (std::int64_t from = first; from <= last && !met_broken_; from += series_of_go) {
    const SeriesId least{static_cast<std::uint32_t>(from)};
    const SeriesId most{static_cast<std::uint32_t>(std::min(from + series_of_go - 1, last))};
    if (period.tier == Tier::raw) {
      merge_samples(period, sink, least, most);
    } else {
      merge_windows(period, sink, least, most);
    }
  }
  sink.finish();
  if (met_broken_) packs.clear();
  return packs;
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
        parts_.bad.report_column(open.row, entry.series, samples.error().text);
        met_broken_ = true;
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
  TierColumnsReader reader(parts_.workshop.reader, tier_step_ms(period.tier));
  visit(period, first, last, [&](const OpenPack& open) {
    SeriesId before{};
    for (const PackEntry& entry : open.pack.entries()) {
      if (entry.series < first || entry.series > last || entry.series == before) continue;
      before = entry.series;
      if (!reader.read(open, entry.series)) {
        parts_.bad.report_column(open.row, entry.series, reader.problem().text);
        met_broken_ = true;
        continue;
      }
      Merged& merged = all[entry.series];
      merged.windows.put(reader.windows(), open.row.accepted, kAll, open.row.span_ms);
      merged.kind = kind_of_tier_columns(open.pack, entry.series);
    }
  });
  // Longer packs may still have what an empty window takes the place of.
  const bool with_empty = period.span_ms < longest_span(period.tier);
  for (auto& [series, merged] : all) {
    sink.add(series, merged.kind, merged.windows.take(with_empty));
  }
}

}  // namespace volta
