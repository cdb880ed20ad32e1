#include "store/foreign_sink.hpp"

#include <algorithm>
#include <functional>
#include <future>

#include "base/assert.hpp"
#include "store/foreign_rows.hpp"
#include "store/pack_rows.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

// Of one entry: what is held twice, encoded and not, until its commit.
constexpr std::size_t kMostEntryBytes = 8U << 20U;
// Of a row that is cut off at the end of a window.
constexpr std::size_t kFewestRowPoints = 1024;

// A sender that takes seconds for milliseconds, or has no clock, would keep what it sends for ever:
// samples go when their time is over.
constexpr std::int64_t kFarthestAheadMs = 86'400'000;

// What is wrong with the samples of a series; null: nothing.
const char* samples_problem(std::span<const std::int64_t> times, std::int64_t now_ms) {
  const bool rising =
      std::adjacent_find(times.begin(), times.end(), std::greater_equal<>()) == times.end();
  if (!rising) return "the samples of a series are not in rising time";
  if (!times.empty() && times.front() < -kFarthestTimeMs)
    return "a sample is further in the past than any question reaches, 31,000 years before 1970";
  if (!times.empty() && times.back() > now_ms && times.back() - now_ms > kFarthestAheadMs)
    return "a sample is more than a day ahead of the server's clock; are its times milliseconds?";
  return nullptr;
}

void refuse(std::size_t samples, std::string why, WriteOutcome& outcome) {
  outcome.refused += samples;
  if (samples == 0) ++outcome.refused_empty;
  if (outcome.why.empty()) outcome.why = std::move(why);
}

template <typename Places>
void sort_by_id(Places& places) {
  const auto before = [](const auto& a, const auto& b) { return a.id < b.id; };
  if (!std::is_sorted(places.begin(), places.end(), before)) {
    std::stable_sort(places.begin(), places.end(), before);
  }
}

// Samples of one series that go into one row.
struct Piece {
  std::uint32_t row = 0;    // which of them
  std::uint32_t place = 0;  // among what is written
  std::size_t first = 0, count = 0;
};

// The last times of rows to be: of few windows each where samples are dense, so that sealing a
// window reads little else.
std::vector<std::int64_t> cuts_of(std::vector<std::pair<std::int64_t, std::size_t>> windows) {
  std::sort(windows.begin(), windows.end());
  std::vector<std::int64_t> cuts;
  std::size_t points = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    points += windows[i].second;
    const bool is_last = i + 1 == windows.size();
    if (!is_last && (points < kFewestRowPoints || windows[i + 1].first == windows[i].first)) {
      continue;
    }
    cuts.push_back(windows[i].first);
    points = 0;
  }
  return cuts;
}

std::size_t end_of_piece(std::span<const std::int64_t> times, std::size_t first,
                         std::int64_t last_ms) {
  const auto from = times.begin() + static_cast<std::ptrdiff_t>(first);
  return static_cast<std::size_t>(std::upper_bound(from, times.end(), last_ms) - times.begin());
}

template <typename Places>
std::size_t points_of(const Places& places) {
  std::size_t points = 0;
  for (const auto& place : places) points += place.times_ms.size();
  return points;
}

// Empty: all of it may stand together.
template <typename Places>
std::vector<std::int64_t> find_cuts(const Places& places) {
  std::int64_t min_ms = INT64_MAX;
  std::int64_t max_ms = INT64_MIN;
  for (const auto& place : places) {
    min_ms = std::min(min_ms, place.times_ms.front());
    max_ms = std::max(max_ms, place.times_ms.back());
  }
  if (places.empty() || !is_wide({0, min_ms, max_ms})) return {};
  std::vector<std::pair<std::int64_t, std::size_t>> windows;  // end, samples of one series
  for (const auto& place : places) {
    for (std::size_t at = 0; at < place.times_ms.size();) {
      const std::int64_t end = window_end_ms(place.times_ms[at], kWindowMs);
      const std::size_t to = end_of_piece(place.times_ms, at, end);
      windows.emplace_back(end, to - at);
      at = to;
    }
  }
  return cuts_of(std::move(windows));
}

// In the order of rows, then of places.
template <typename Places>
std::vector<Piece> pieces_of(const Places& places) {
  const std::vector<std::int64_t> cuts = find_cuts(places);
  std::vector<Piece> pieces;
  pieces.reserve(places.size());
  for (std::uint32_t place = 0; place < places.size(); ++place) {
    const auto& times = places[place].times_ms;
    if (cuts.empty()) {
      pieces.push_back({0, place, 0, times.size()});
      continue;
    }
    for (std::size_t at = 0; at < times.size();) {
      const auto cut = std::lower_bound(cuts.begin(), cuts.end(), times[at]);
      const std::size_t to = end_of_piece(times, at, *cut);
      pieces.push_back({static_cast<std::uint32_t>(cut - cuts.begin()), place, at, to - at});
      at = to;
    }
  }
  const auto before = [](const Piece& a, const Piece& b) { return a.row < b.row; };
  if (!std::is_sorted(pieces.begin(), pieces.end(), before)) {
    std::stable_sort(pieces.begin(), pieces.end(), before);
  }
  return pieces;
}

// Rows for one entry, as they fill.
class EntryBuilder {
 public:
  explicit EntryBuilder(ForeignRowCodec& codec) : codec_(codec) {}
  // All of it will go into as few rows as hold so much.
  void expect(std::size_t pieces, std::size_t points);
  // What comes from now on goes into another row.
  void finish_row();
  void add(SeriesId id, std::span<const std::int64_t> times_ms, std::span<const double> values);
  [[nodiscard]] bool large() const { return entry_.bytes >= kMostEntryBytes; }
  [[nodiscard]] bool empty() const { return entry_.rows.empty() && builder_.empty(); }
  ForeignEntry take(std::uint64_t forgotten);

 private:
  ForeignRowCodec& codec_;
  std::size_t pieces_left_ = 0;  // of what is expected
  std::size_t points_left_ = 0;
  ForeignRowBuilder builder_;
  ForeignEntry entry_;
};

void EntryBuilder::expect(std::size_t pieces, std::size_t points) {
  pieces_left_ = pieces;
  points_left_ = points;
  entry_.series.reserve(pieces);
}

void EntryBuilder::add(SeriesId id, std::span<const std::int64_t> times_ms,
                       std::span<const double> values) {
  for (std::size_t first = 0; first < times_ms.size();) {
    if (builder_.room() == 0) finish_row();
    const std::size_t count = std::min(builder_.room(), times_ms.size() - first);
    builder_.reserve(pieces_left_, points_left_);
    points_left_ -= std::min(points_left_, count);
    builder_.add(id, times_ms.subspan(first, count), values.subspan(first, count));
    first += count;
  }
  pieces_left_ -= std::min<std::size_t>(pieces_left_, 1);
  if (entry_.series.empty() || entry_.series.back() != id) entry_.series.push_back(id);
}

void EntryBuilder::finish_row() {
  if (builder_.empty()) return;
  entry_.rows.push_back(codec_.encode(builder_.take()));
  const EncodedForeignRow& row = entry_.rows.back();
  entry_.bytes += row.row->bytes() + row.series.size() + row.payload.size();
}

ForeignEntry EntryBuilder::take(std::uint64_t forgotten) {
  finish_row();
  if (!std::is_sorted(entry_.series.begin(), entry_.series.end())) {
    std::sort(entry_.series.begin(), entry_.series.end());
  }
  entry_.series.erase(std::unique(entry_.series.begin(), entry_.series.end()), entry_.series.end());
  entry_.forgotten = forgotten;
  return std::exchange(entry_, ForeignEntry());
}

}  // namespace

WriteOutcome ForeignSink::write(std::span<const LabeledSamples> series) {
  return write_places([&](WriteOutcome& outcome) { return resolve(series, outcome); });
}

WriteOutcome ForeignSink::write_keyed(const KeyedSamples& samples) {
  return write_places([&](WriteOutcome& outcome) { return resolve_keyed(samples, outcome); });
}

WriteOutcome ForeignSink::write_places(const std::function<Places(WriteOutcome&)>& find) {
  // Once more only where a series was forgotten in the very moment between its being looked up and
  // the commit; it has a new id then.
  constexpr int kTries = 3;
  for (int tries = 1;; ++tries) {
    WriteOutcome outcome;
    const std::uint64_t forgotten = series_.forgotten();
    const Places places = find(outcome);
    for (const Place& place : places) outcome.written += place.times_ms.size();
    outcome.state = commit(places, forgotten);
    if (outcome.state == WriteState::committed) return outcome;
    const bool again = outcome.state == WriteState::failed && series_.forgotten() != forgotten;
    if (!again || tries == kTries) return {outcome.state, 0, outcome.refused, outcome.why};
  }
}

ForeignSink::Places ForeignSink::resolve(std::span<const LabeledSamples> series,
                                         WriteOutcome& outcome) {
  Places places;
  places.reserve(series.size());
  const std::int64_t now_ms = clock_.wall_ms();
  for (const LabeledSamples& samples : series) {
    VOLTA_ASSERT(samples.labels != nullptr && samples.times_ms.size() == samples.values.size());
    if (const char* problem = samples_problem(samples.times_ms, now_ms); problem != nullptr) {
      refuse(samples.times_ms.size(), problem, outcome);
      continue;
    }
    if (samples.times_ms.empty()) continue;
    auto found = cache_.resolve(*samples.labels);
    if (found.id == SeriesId{}) {
      refuse(samples.times_ms.size(), std::move(found.refused), outcome);
      continue;
    }
    places.push_back({found.id, samples.times_ms, samples.values});
  }
  sort_by_id(places);
  return places;
}

SeriesId ForeignSink::resolve_labels(const KeyedSamples& samples, const KeyedSamples::Series& one,
                                     WriteOutcome& outcome) {
  const auto labels = samples.labels(one.key);
  if (!labels) {
    refuse(one.count, labels.error().text, outcome);
    return SeriesId{};
  }
  auto found = cache_.resolve(*labels.value());
  if (found.id == SeriesId{}) refuse(one.count, std::move(found.refused), outcome);
  return found.id;
}

// Of a series without samples: only samples make a series.
void ForeignSink::check_labels(const KeyedSamples& samples, const KeyedSamples::Series& one,
                               WriteOutcome& outcome) {
  const auto labels = samples.labels(one.key);
  std::string problem = labels ? foreign_labels_problem(*labels.value()) : labels.error().text;
  if (!problem.empty()) refuse(0, std::move(problem), outcome);
}

ForeignSink::Places ForeignSink::resolve_keyed(const KeyedSamples& samples, WriteOutcome& outcome) {
  VOLTA_ASSERT(samples.times_ms.size() == samples.values.size());
  const std::uint64_t forgotten = series_.forgotten();
  std::vector<SeriesId> ids;
  keys_.find(samples.series, forgotten, ids);
  std::vector<ForeignKeys::Known> met;
  Places places;
  places.reserve(samples.series.size());
  const std::int64_t now_ms = clock_.wall_ms();
  for (std::size_t i = 0; i < samples.series.size(); ++i) {
    const KeyedSamples::Series& one = samples.series[i];
    const auto times = std::span(samples.times_ms).subspan(one.first, one.count);
    if (const char* problem = samples_problem(times, now_ms); problem != nullptr) {
      refuse(times.size(), problem, outcome);
      continue;
    }
    if (times.empty()) {
      if (ids[i] == SeriesId{}) check_labels(samples, one, outcome);
      continue;
    }
    if (ids[i] == SeriesId{}) {
      ids[i] = resolve_labels(samples, one, outcome);
      if (ids[i] == SeriesId{}) continue;
      met.push_back({one.key, ids[i]});
    }
    places.push_back({ids[i], times, std::span(samples.values).subspan(one.first, one.count)});
  }
  if (!met.empty()) keys_.remember(met, forgotten);
  sort_by_id(places);
  return places;
}

WriteState ForeignSink::commit(const Places& places, std::uint64_t forgotten) {
  if (places.empty()) return WriteState::committed;
  auto codec = take_codec();
  EntryBuilder builder(*codec);
  std::uint32_t row = 0;
  const std::vector<Piece> pieces = pieces_of(places);
  if (pieces.back().row == 0) builder.expect(pieces.size(), points_of(places));
  for (const Piece& piece : pieces) {
    const Place& place = places[piece.place];
    if (piece.row != row) builder.finish_row();
    row = piece.row;
    builder.add(place.id, place.times_ms.subspan(piece.first, piece.count),
                place.values.subspan(piece.first, piece.count));
    if (!builder.large()) continue;
    const WriteState state = hand_over(builder.take(forgotten));
    if (state != WriteState::committed) return state;
  }
  if (builder.empty()) return WriteState::committed;
  ForeignEntry last = builder.take(forgotten);
  give_back(std::move(codec));  // the commit takes longer than all else
  return hand_over(std::move(last));
}

std::unique_ptr<ForeignRowCodec> ForeignSink::take_codec() {
  const std::lock_guard lock(codecs_mutex_);
  if (codecs_.empty()) return std::make_unique<ForeignRowCodec>();
  auto codec = std::move(codecs_.back());
  codecs_.pop_back();
  return codec;
}

void ForeignSink::give_back(std::unique_ptr<ForeignRowCodec> codec) {
  const std::lock_guard lock(codecs_mutex_);
  codecs_.push_back(std::move(codec));
}

WriteState ForeignSink::hand_over(ForeignEntry entry) {
  const auto promise = std::make_shared<std::promise<CommitState>>();
  std::future<CommitState> answer = promise->get_future();
  entry.done = [promise](CommitState state) { promise->set_value(state); };
  if (!writer_.append(std::move(entry))) return WriteState::busy;
  switch (answer.get()) {
    case CommitState::committed:
      return WriteState::committed;
    case CommitState::disk_full:
      return WriteState::busy;
    case CommitState::failed:
      break;
  }
  return WriteState::failed;
}

}  // namespace volta
