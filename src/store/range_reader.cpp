#include "store/range_reader.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "store/journal_row.hpp"
#include "store/range_read.hpp"

namespace volta {
namespace {

// Per second; empty for a reset, whose increase nobody knows.
std::optional<double> rate_of(const SeriesDef& def, const NewestSamples& newest) {
  if (def.kind != Kind::counter || !newest.has_before) return std::nullopt;
  const double seconds =
      (static_cast<double>(newest.time_ms) - static_cast<double>(newest.before_ms)) / 1000;
  if (seconds <= 0) return std::nullopt;
  double increase = 0;
  if (def.type == ValueType::float64) {
    increase = to_double(def.type, def.scale, newest.raw) -
               to_double(def.type, def.scale, newest.before_raw);
  } else {
    // In integers: large counters differ by less than a double can tell.
    const bool fell =
        def.type == ValueType::uint64
            ? newest.raw < newest.before_raw
            : static_cast<std::int64_t>(newest.raw) < static_cast<std::int64_t>(newest.before_raw);
    if (fell) return std::nullopt;
    increase = to_double(ValueType::uint64, def.scale, newest.raw - newest.before_raw);
  }
  if (!(increase >= 0) || !std::isfinite(increase)) return std::nullopt;
  return increase / seconds;
}

}  // namespace

std::unique_ptr<ReadScratch> ScratchPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto scratch = std::move(free_.back());
      free_.pop_back();
      return scratch;
    }
  }
  return std::make_unique<ReadScratch>();
}

void ScratchPool::give_back(std::unique_ptr<ReadScratch> scratch) {
  if (scratch->memory() > kMostBytes) return;
  const std::lock_guard lock(mutex_);
  if (free_.size() < kMostKept) free_.push_back(std::move(scratch));
}

bool StoreReader::visit(HostId host, std::span<const SeriesId> series, TimeSpan span,
                        const SeriesSource::VisitSamples& visit) const {
  auto scratch = scratch_.take();
  RangeRead reading(series_, host, series, span, *scratch);
  // The head first: what it lets go of from now on is in the journal, but not the other way round.
  const Head::Snapshot snapshot = head_.snapshot(host, span.start_ms, span.end_ms);
  {
    auto connection = readers_.take();
    reading.read_marks(*connection);
    reading.add_journal(*connection, snapshot.floors);
    reading.add_packs(*connection, bad_);
  }
  for (const auto& block : snapshot.blocks) reading.add(*block);
  const bool all = reading.each(bad_, visit);
  scratch_.give_back(std::move(scratch));
  return all;
}

std::vector<SampleColumn> StoreReader::read(HostId host, std::span<const SeriesId> series,
                                            std::int64_t start_ms, std::int64_t end_ms) const {
  std::vector<SampleColumn> out(series.size());
  visit(host, series, {start_ms, end_ms}, [&](std::size_t i, const SampleSlice& samples) {
    out[i].series = series[i];
    out[i].times_ms.assign(samples.times_ms.begin(), samples.times_ms.end());
    out[i].values.assign(samples.values.begin(), samples.values.end());
    return true;
  });
  return out;
}

std::vector<LatestSample> StoreReader::latest(HostId host) const {
  std::map<SeriesId, LatestSample> found;
  for (const auto& [id, newest] : head_.newest(host)) {
    const auto record = series_.record(id);
    const auto variants = series_.variants(host, id);
    if (record == nullptr || variants.empty()) continue;
    const LatestSample sample{variants.back()->id, newest.time_ms,
                              to_double(record->def.type, record->def.scale, newest.raw),
                              rate_of(record->def, newest)};
    const auto [known, is_new] = found.emplace(sample.series, sample);
    if (!is_new && sample.time_ms > known->second.time_ms) known->second = sample;
  }
  std::vector<LatestSample> all;
  all.reserve(found.size());
  for (const auto& [id, sample] : found) all.push_back(sample);
  return all;
}

std::optional<std::int64_t> StoreReader::oldest_ms(HostId host) const {
  auto connection = readers_.take();
  const std::int64_t id = static_cast<std::uint32_t>(host);
  std::optional<std::int64_t> oldest;
  {
    Query query =
        (*connection).query("SELECT min_ms FROM keyframe WHERE host_id=? ORDER BY min_ms LIMIT 1");
    if (query.with(id).step()) oldest = query.integer(0);
  }
  Query query =
      (*connection)
          .query("SELECT min_ms FROM pack WHERE host_id=? AND tier=0 ORDER BY end_ms LIMIT 1");
  if (query.with(id).step()) oldest = std::min(oldest.value_or(INT64_MAX), query.integer(0));
  return oldest;
}

std::optional<std::int64_t> StoreReader::oldest_ms() const {
  auto connection = readers_.take();
  std::optional<std::int64_t> oldest;
  {
    Query query = (*connection).query("SELECT min_ms FROM keyframe ORDER BY min_ms LIMIT 1");
    if (query.step()) oldest = query.integer(0);
  }
  // By the index alone: every query asks this, and one damaged row must not be the end of all.
  Query query = (*connection).query("SELECT end_ms FROM pack WHERE tier=0 ORDER BY end_ms LIMIT 1");
  if (query.step()) {
    const std::int64_t first = std::max(query.integer(0), INT64_MIN + kWindowMs) - kWindowMs + 1;
    oldest = std::min(oldest.value_or(INT64_MAX), first);
  }
  return oldest;
}

std::uint64_t StoreReader::samples_at_most(HostId host, TimeSpan span) const {
  auto connection = readers_.take();
  Query query =
      (*connection)
          .query(
              "SELECT (SELECT total(points) FROM keyframe WHERE host_id=?1 AND min_ms<=?3 AND"
              " max_ms>=?2) + (SELECT total(samples) FROM pack WHERE host_id=?1 AND tier=0 AND"
              " end_ms>=?2 AND end_ms-span_ms<?3)");
  query.with(std::int64_t{static_cast<std::uint32_t>(host)}, span.start_ms, span.end_ms);
  return query.step() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
}

namespace {

std::vector<std::shared_ptr<const HeadBlock>> blocks_of_group(Connection& connection,
                                                              std::int64_t keyframe,
                                                              std::int64_t run,
                                                              const SeriesList& series) {
  std::vector<std::shared_ptr<const HeadBlock>> blocks;
  HeadBlockBuilder builder;
  std::uint64_t last_seq = 0;
  const auto seal = [&] {
    if (builder.ticks() == 0) return;
    blocks.push_back(builder.build(run, last_seq, series));
    builder.clear();
  };
  visit_group(connection, keyframe, UINT64_MAX, [&](const JournalRow& row) {
    if (row.batch->slots > series->size()) return;
    for (std::size_t first = 0; first < row.batch->ticks();) {
      if (builder.room() == 0) seal();
      const std::size_t count = std::min(builder.room(), row.batch->ticks() - first);
      builder.add(*row.batch, first, count, row.accepted);
      last_seq = row.seq;
      first += count;
    }
  });
  seal();
  return blocks;
}

}  // namespace

void rebuild_head(Connection& connection, Head& head, std::int64_t oldest_ms,
                  std::chrono::milliseconds patience) {
  // Old groups in a row after which there will hardly be newer ones.
  constexpr int kMostOld = 1000;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::set<std::int64_t> closed;  // runs with an older group on disk only
  std::map<std::int64_t, SeriesList> slots;
  int old = 0;
  Query query =
      connection.query("SELECT id, host_id, run_id, seq, max_ms FROM keyframe ORDER BY id DESC");
  while (old < kMostOld && !head.full() && std::chrono::steady_clock::now() < deadline &&
         query.step()) {
    const std::int64_t run = query.integer(2);
    if (query.integer(4) < oldest_ms) closed.insert(run);
    ++old;
    if (closed.contains(run)) continue;
    old = 0;
    SeriesList& series = slots[run];
    if (series == nullptr) series = load_slots(connection, run);
    head.prepend(HostId(static_cast<std::uint32_t>(query.integer(1))),
                 blocks_of_group(connection, query.integer(0), run, series),
                 static_cast<std::uint64_t>(query.integer(3)) - 1);
  }
}

}  // namespace volta
