#include "store/foreign_reader.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>

#include "store/growing_column.hpp"
#include "store/series_index.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostDecodedBytes = 32U << 20U;

// Packs have all that the row says; of wide rows that is not asked.
bool is_copy(const ForeignRowSpan& row, const SealMarks& marks) {
  return !is_wide(row) && marks.covers(row.min_ms, row.id) && marks.covers(row.max_ms, row.id);
}

}  // namespace

// The asked series, each with what was found of it so far.
class ForeignReading::Gathered {
 public:
  Gathered(std::span<const SeriesId> series, TimeSpan span, const SealMarks& marks);
  [[nodiscard]] bool wants_any(std::span<const SeriesId> row) const;
  // But for what packs have.
  void add(std::int64_t id, const ForeignRow& row);
  void add_packs(Connection& connection, BadPacks& bad);
  std::vector<SampleColumn> finish(std::span<const SeriesId> series);

 private:
  void add(std::int64_t id, const ForeignRow& row, std::size_t place, GrowingColumn& column) const;
  void add(const OpenPack& open, const PackEntry& entry, BadPacks& bad);

  TimeSpan span_;
  const SealMarks& marks_;
  std::vector<SeriesId> ids_;  // rising, each once
  std::vector<GrowingColumn> rows_;
  std::vector<GrowingColumn> packed_;
  PackReader reader_;
};

ForeignReading::Gathered::Gathered(std::span<const SeriesId> series, TimeSpan span,
                                   const SealMarks& marks)
    : span_(span), marks_(marks), ids_(series.begin(), series.end()) {
  std::sort(ids_.begin(), ids_.end());
  ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
  rows_.resize(ids_.size());
  packed_.resize(ids_.size());
}

bool ForeignReading::Gathered::wants_any(std::span<const SeriesId> row) const {
  auto wanted = ids_.begin();
  for (const SeriesId id : row) {
    wanted = std::lower_bound(wanted, ids_.end(), id);
    if (wanted == ids_.end()) return false;
    if (*wanted == id) return true;
  }
  return false;
}

// Window by window: what is sealed is sealed for a window as a whole.
void ForeignReading::Gathered::add(std::int64_t id, const ForeignRow& row, std::size_t place,
                                   GrowingColumn& column) const {
  const auto times = row.times(place);
  const auto bits = row.bits(place);
  const auto end = std::upper_bound(times.begin(), times.end(), span_.end_ms);
  for (auto at = std::lower_bound(times.begin(), end, span_.start_ms); at != end;) {
    const auto to = std::upper_bound(at, end, window_end_ms(*at, kWindowMs));
    if (!marks_.covers(*at, id)) {
      column.begin(id);
      column.times_ms.insert(column.times_ms.end(), at, to);
      for (auto i = at - times.begin(); i < to - times.begin(); ++i) {
        column.values.push_back(std::bit_cast<double>(bits[static_cast<std::size_t>(i)]));
      }
    }
    at = to;
  }
}

void ForeignReading::Gathered::add(std::int64_t id, const ForeignRow& row) {
  const auto& series = row.series;
  if (ids_.size() * 8 < series.size()) {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      const auto [first, last] = std::equal_range(series.begin(), series.end(), ids_[i]);
      for (auto at = first; at != last; ++at) {
        add(id, row, static_cast<std::size_t>(at - series.begin()), rows_[i]);
      }
    }
    return;
  }
  std::size_t wanted = 0;
  for (std::size_t place = 0; place < series.size(); ++place) {
    while (wanted < ids_.size() && ids_[wanted] < series[place]) ++wanted;
    if (wanted == ids_.size()) return;
    if (ids_[wanted] == series[place]) add(id, row, place, rows_[wanted]);
  }
}

void ForeignReading::Gathered::add(const OpenPack& open, const PackEntry& entry, BadPacks& bad) {
  const auto wanted = std::lower_bound(ids_.begin(), ids_.end(), entry.series);
  if (wanted == ids_.end() || *wanted != entry.series) return;
  const auto samples = reader_.doubles(open.pack, entry, column_bytes(open, entry), 0);
  if (!samples) {
    bad.report_column(open.row, entry.series, samples.error().text);
    return;
  }
  const auto times = samples->times_ms;
  const auto first = std::lower_bound(times.begin(), times.end(), span_.start_ms);
  const auto last = std::upper_bound(first, times.end(), span_.end_ms);
  if (first == last) return;
  GrowingColumn& column = packed_[static_cast<std::size_t>(wanted - ids_.begin())];
  column.begin(open.row.accepted);
  column.times_ms.insert(column.times_ms.end(), first, last);
  column.values.insert(column.values.end(), samples->values.begin() + (first - times.begin()),
                       samples->values.begin() + (last - times.begin()));
}

void ForeignReading::Gathered::add_packs(Connection& connection, BadPacks& bad) {
  if (ids_.empty() || span_.start_ms > span_.end_ms) return;
  visit_packs(connection, {Tier::raw, kNoHost, windows_of_span(span_), ids_.front(), ids_.back()},
              bad, [&](const OpenPack& open) {
                if (ids_.size() * 8 > open.pack.entries().size()) {
                  for (const PackEntry& entry : open.pack.entries()) add(open, entry, bad);
                  return;
                }
                for (const SeriesId id : ids_) {
                  const PackEntry* entry = open.pack.find(id);
                  if (entry != nullptr) add(open, *entry, bad);
                }
              });
}

std::vector<SampleColumn> ForeignReading::Gathered::finish(std::span<const SeriesId> series) {
  std::vector<SampleColumn> found(ids_.size());
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    packed_[i].append(std::move(rows_[i]));
    packed_[i].finish(found[i]);
    packed_[i] = {};
  }
  std::vector<SampleColumn> out;
  out.reserve(series.size());
  const bool each_once = series.size() == ids_.size();
  for (const SeriesId id : series) {
    const auto at = std::lower_bound(ids_.begin(), ids_.end(), id) - ids_.begin();
    SampleColumn& column = found[static_cast<std::size_t>(at)];
    if (each_once) {
      out.push_back(std::move(column));
    } else {
      out.push_back(column);
    }
    out.back().series = id;
  }
  return out;
}

ForeignReading::ForeignReading(const ForeignHead& head, ReaderPool& readers, BadPacks& bad,
                               TimeSpan span)
    // The head first: what it lets go of from now on is in the journal, but not the other way
    // round. Then the marks, by which rows of both are known as copies.
    : readers_(readers), bad_(bad), head_(head.snapshot(span)) {
  if (span.start_ms > span.end_ms) return;
  auto connection = readers_.take();
  marks_ = SealMarks::read(*connection, kNoHost, windows_of_span(span));
  if (head_.floor > 0) rows_ = find_foreign_rows(*connection, span, head_.floor);
  std::erase_if(rows_, [&](const ForeignRowSpan& row) { return is_copy(row, marks_); });
}

void ForeignReading::add_rows(Connection& connection, TimeSpan span, Gathered& gathered) {
  ForeignRowReader reader(connection);
  const auto wants = [&](std::span<const SeriesId> series) { return gathered.wants_any(series); };
  for (const ForeignRowSpan& each : rows_) {
    if (each.min_ms > span.end_ms || each.max_ms < span.start_ms) continue;
    const auto known = decoded_.find(each.id);
    if (known != decoded_.end()) {
      gathered.add(each.id, *known->second);
      continue;
    }
    auto row = std::make_unique<ForeignRow>();
    if (reader.read(each.id, wants, *row) != ForeignRowReader::Found::samples) continue;
    gathered.add(each.id, *row);
    if (decoded_bytes_ + row->bytes() > kMostDecodedBytes) continue;
    decoded_bytes_ += row->bytes();
    decoded_[each.id] = std::move(row);
  }
}

std::vector<SampleColumn> ForeignReading::read(std::span<const SeriesId> series, TimeSpan span) {
  Gathered gathered(series, span, marks_);
  {
    auto connection = readers_.take();
    add_rows(*connection, span, gathered);
    // After the rows: what is sealed and deleted meanwhile is then in one of both.
    gathered.add_packs(*connection, bad_);
  }
  for (const ForeignHead::Held& held : head_.rows) gathered.add(held.id, *held.row);
  return gathered.finish(series);
}

std::uint64_t ForeignReader::samples_at_most(TimeSpan span) const {
  auto connection = readers_.take();
  Query query =
      (*connection)
          .query(
              "SELECT (SELECT total(points) FROM foreign_row WHERE max_ms>=?1 AND min_ms<=?2) +"
              " (SELECT total(samples) FROM pack WHERE host_id=0 AND tier=0 AND end_ms>=?1 AND"
              " end_ms-span_ms<?2)");
  query.with(span.start_ms, span.end_ms);
  return query.step() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
}

std::optional<std::int64_t> ForeignReader::oldest_ms() const {
  // Rows are short in time: the one that begins first is among those that end first.
  constexpr std::int64_t kLooked = 100;
  auto connection = readers_.take();
  Query query =
      (*connection).query("SELECT min_ms FROM foreign_row ORDER BY max_ms, min_ms LIMIT ?");
  query.with(kLooked);
  std::optional<std::int64_t> oldest;
  while (query.step()) oldest = std::min(oldest.value_or(INT64_MAX), query.integer(0));
  if (oldest) oldest = std::max(*oldest, ages_.kept_since_ms(Tier::raw));
  return oldest;
}

}  // namespace volta
