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

// What is wrong with the samples; "": nothing.
std::string samples_problem(const LabeledSamples& samples, std::int64_t now_ms) {
  VOLTA_ASSERT(samples.labels != nullptr && samples.times_ms.size() == samples.values.size());
  const auto& times = samples.times_ms;
  const bool rising =
      std::adjacent_find(times.begin(), times.end(), std::greater_equal<>()) == times.end();
  if (!rising) return "the samples of a series are not in rising time";
  if (!times.empty() && times.back() > now_ms && times.back() - now_ms > kFarthestAheadMs)
    return "a sample is more than a day ahead of the server's clock; are its times milliseconds?";
  return "";
}

void refuse(const LabeledSamples& samples, const std::string& why, WriteOutcome& outcome) {
  outcome.refused += samples.times_ms.size();
  if (outcome.why.empty()) outcome.why = why;
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

std::size_t end_of_piece(const std::vector<std::int64_t>& times, std::size_t first,
                         std::int64_t last_ms) {
  const auto from = times.begin() + static_cast<std::ptrdiff_t>(first);
  return static_cast<std::size_t>(std::upper_bound(from, times.end(), last_ms) - times.begin());
}

template <typename Places>
std::vector<std::int64_t> find_cuts(std::span<const LabeledSamples> series, const Places& places) {
  std::int64_t min_ms = INT64_MAX;
  std::int64_t max_ms = INT64_MIN;
  for (const auto& place : places) {
    min_ms = std::min(min_ms, series[place.at].times_ms.front());
    max_ms = std::max(max_ms, series[place.at].times_ms.back());
  }
  if (places.empty() || !is_wide({0, min_ms, max_ms})) return {INT64_MAX};
  std::vector<std::pair<std::int64_t, std::size_t>> windows;  // end, samples of one series
  for (const auto& place : places) {
    const auto& times = series[place.at].times_ms;
    for (std::size_t at = 0; at < times.size();) {
      const std::int64_t end = window_end_ms(times[at], kWindowMs);
      const std::size_t to = end_of_piece(times, at, end);
      windows.emplace_back(end, to - at);
      at = to;
    }
  }
  return cuts_of(std::move(windows));
}

// In the order of rows, then of places.
template <typename Places>
std::vector<Piece> pieces_of(std::span<const LabeledSamples> series, const Places& places) {
  const std::vector<std::int64_t> cuts = find_cuts(series, places);
  std::vector<Piece> pieces;
  for (std::uint32_t place = 0; place < places.size(); ++place) {
    const auto& times = series[places[place].at].times_ms;
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
  // What comes from now on goes into another row.
  void finish_row();
  void add(SeriesId id, std::span<const std::int64_t> times_ms, std::span<const double> values);
  [[nodiscard]] bool large() const { return entry_.bytes >= kMostEntryBytes; }
  [[nodiscard]] bool empty() const { return entry_.rows.empty() && builder_.empty(); }
  ForeignEntry take(std::uint64_t forgotten);

 private:
  ForeignRowCodec codec_;
  ForeignRowBuilder builder_;
  ForeignEntry entry_;
};

void EntryBuilder::add(SeriesId id, std::span<const std::int64_t> times_ms,
                       std::span<const double> values) {
  for (std::size_t first = 0; first < times_ms.size();) {
    if (builder_.room() == 0) finish_row();
    const std::size_t count = std::min(builder_.room(), times_ms.size() - first);
    builder_.add(id, times_ms.subspan(first, count), values.subspan(first, count));
    first += count;
  }
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
  std::sort(entry_.series.begin(), entry_.series.end());
  entry_.series.erase(std::unique(entry_.series.begin(), entry_.series.end()), entry_.series.end());
  entry_.forgotten = forgotten;
  return std::exchange(entry_, ForeignEntry());
}

}  // namespace

WriteOutcome ForeignSink::write(std::span<const LabeledSamples> series) {
  // Once more only where a series was forgotten in the very moment between its being looked up and
  // the commit; it has a new id then.
  constexpr int kTries = 3;
  for (int tries = 1;; ++tries) {
    WriteOutcome outcome;
    const std::uint64_t forgotten = series_.forgotten();
    const std::vector<Place> places = resolve(series, outcome);
    outcome.state = commit(series, places, forgotten);
    if (outcome.state == WriteState::committed) return outcome;
    const bool again = outcome.state == WriteState::failed && series_.forgotten() != forgotten;
    if (!again || tries == kTries) return {outcome.state, 0, outcome.refused, outcome.why};
  }
}

std::vector<ForeignSink::Place> ForeignSink::resolve(std::span<const LabeledSamples> series,
                                                     WriteOutcome& outcome) {
  std::vector<Place> places;
  places.reserve(series.size());
  const std::int64_t now_ms = clock_.wall_ms();
  for (std::size_t at = 0; at < series.size(); ++at) {
    const LabeledSamples& samples = series[at];
    if (std::string problem = samples_problem(samples, now_ms); !problem.empty()) {
      refuse(samples, problem, outcome);
      continue;
    }
    if (samples.times_ms.empty()) continue;
    const auto found = cache_.resolve(*samples.labels);
    if (found.id == SeriesId{}) {
      refuse(samples, found.refused, outcome);
      continue;
    }
    places.push_back({found.id, static_cast<std::uint32_t>(at)});
    outcome.written += samples.times_ms.size();
  }
  const auto before = [](const Place& a, const Place& b) { return a.id < b.id; };
  if (!std::is_sorted(places.begin(), places.end(), before)) {
    std::stable_sort(places.begin(), places.end(), before);
  }
  return places;
}

WriteState ForeignSink::commit(std::span<const LabeledSamples> series,
                               const std::vector<Place>& places, std::uint64_t forgotten) {
  EntryBuilder builder;
  std::uint32_t row = 0;
  for (const Piece& piece : pieces_of(series, places)) {
    const Place& place = places[piece.place];
    if (piece.row != row) builder.finish_row();
    row = piece.row;
    const LabeledSamples& samples = series[place.at];
    builder.add(place.id, std::span(samples.times_ms).subspan(piece.first, piece.count),
                std::span(samples.values).subspan(piece.first, piece.count));
    if (!builder.large()) continue;
    const WriteState state = hand_over(builder.take(forgotten));
    if (state != WriteState::committed) return state;
  }
  return builder.empty() ? WriteState::committed : hand_over(builder.take(forgotten));
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
