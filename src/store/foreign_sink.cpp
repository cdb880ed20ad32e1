#include "store/foreign_sink.hpp"

#include <algorithm>
#include <functional>
#include <future>

#include "base/assert.hpp"

namespace volta {
namespace {

// Of one entry: what is held twice, encoded and not, until its commit.
constexpr std::size_t kMostEntryBytes = 8U << 20U;

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

// Rows for one entry, as they fill.
class EntryBuilder {
 public:
  void add(SeriesId id, const LabeledSamples& samples);
  [[nodiscard]] bool large() const { return entry_.bytes >= kMostEntryBytes; }
  [[nodiscard]] bool empty() const { return entry_.rows.empty() && builder_.empty(); }
  ForeignEntry take(std::uint64_t forgotten);

 private:
  void finish_row();

  ForeignRowCodec codec_;
  ForeignRowBuilder builder_;
  ForeignEntry entry_;
};

void EntryBuilder::add(SeriesId id, const LabeledSamples& samples) {
  for (std::size_t first = 0; first < samples.times_ms.size();) {
    if (builder_.room() == 0) finish_row();
    const std::size_t count = std::min(builder_.room(), samples.times_ms.size() - first);
    builder_.add(id, std::span(samples.times_ms).subspan(first, count),
                 std::span(samples.values).subspan(first, count));
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
  for (const Place& place : places) {
    builder.add(place.id, series[place.at]);
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
