// How much counters grew: hour windows inside the range, samples at its ends, and samples again for
// windows in which a counter fell.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/steps.hpp"
#include "query/range.hpp"
#include "query/span_reader.hpp"
#include "query/tier_choice.hpp"

namespace volta {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

// One counter, fed in rising time.
class CounterGrowth {
 public:
  explicit CounterGrowth(TimeSpan range) : range_(range) {}

  void add(const SampleSlice& samples) {
    for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
      const double value = samples.values[i];
      if (!std::isfinite(value)) continue;
      go_to(value);
      before_ = value;
      ++samples_;
    }
  }
  // What happened inside the window is `inside`.
  void add(const WindowColumn& windows, std::size_t i, double inside) {
    if (windows.last_ms[i] < range_.start_ms || windows.first_ms[i] > range_.end_ms) return;
    const bool begins_before = windows.first_ms[i] < range_.start_ms;
    if (!begins_before && std::isfinite(windows.first[i])) go_to(windows.first[i]);
    amount_ += inside * share(windows, i);
    if (std::isfinite(windows.last[i])) before_ = windows.last[i];
    samples_ += windows.count[i];
  }
  // What was left open when a window was added.
  void add_amount(double amount) { amount_ += amount; }

  [[nodiscard]] std::optional<double> amount() const {
    return samples_ < 2 ? std::nullopt : std::optional(amount_);
  }

 private:
  void go_to(double value) {
    if (before_) amount_ += std::max(0.0, value - *before_);
  }
  // Of the window's samples the part that lies in the range.
  [[nodiscard]] double share(const WindowColumn& windows, std::size_t i) const {
    const std::int64_t from = std::max(windows.first_ms[i], range_.start_ms);
    const std::int64_t to = std::min(windows.last_ms[i], range_.end_ms);
    const std::int64_t whole = windows.last_ms[i] - windows.first_ms[i];
    return whole <= 0 ? 1 : static_cast<double>(to - from) / static_cast<double>(whole);
  }

  TimeSpan range_;
  std::optional<double> before_;
  double amount_ = 0;
  std::uint64_t samples_ = 0;
};

// A window in which the counter fell or was no number at times: only its samples tell what it grew.
bool is_unclear(const WindowColumn& windows, std::size_t i) {
  const double net = windows.last[i] - windows.first[i];
  const double size = std::max(std::abs(windows.first[i]), std::abs(windows.last[i]));
  return !(std::abs(windows.increase[i] - net) <= 1e-9 * size);
}

// The best guess where these samples are gone. `increase` counts a drop as from zero, so what the
// counter began with after it, its least value, counts too much.
double guess(const WindowColumn& windows, std::size_t i) {
  const double least = windows.min[i] < windows.first[i] ? windows.min[i] : 0;
  const double amount = windows.increase[i] - least;
  return std::isfinite(amount) ? std::max(0.0, amount) : 0;
}

// One growth question in progress.
class GrowthRead {
 public:
  GrowthRead(SpanReader& reader, std::vector<QuerySeries> series, TimeSpan range)
      : reader_(reader),
        series_(std::move(series)),
        range_(range),
        counters_(series_.size(), CounterGrowth(range)),
        samples_from_ms_(reader.oldest_ms(Tier::raw)) {}

  void read(Tier base, TimeSpan span) {
    reader_.read(
        series_, base, span,
        {[this](std::size_t place, const SampleSlice& samples) { counters_[place].add(samples); },
         [this](std::size_t place, Tier tier, const WindowColumn& windows) {
           add(place, tier, windows);
         }});
  }
  // After all else.
  void read_unclear() {
    for (const auto& unclear : unclear_) {
      const auto& span = unclear.first;
      const auto& places = unclear.second;
      std::vector<QuerySeries> asked;
      asked.reserve(places.size());
      for (const std::size_t place : places) asked.push_back(series_[place]);
      reader_.read_samples(asked, {span.first, span.second},
                           [&](std::size_t i, const SampleSlice& samples) {
                             CounterGrowth inside(range_);
                             inside.add(samples);
                             counters_[places[i]].add_amount(inside.amount().value_or(0));
                           });
    }
  }
  [[nodiscard]] std::vector<Growth> finish() const {
    std::vector<Growth> grown;
    for (std::size_t i = 0; i < series_.size(); ++i) {
      const auto amount = counters_[i].amount();
      if (amount) grown.push_back({without_name_and_host(*series_[i].labels), *amount});
    }
    return grown;
  }

 private:
  void add(std::size_t place, Tier tier, const WindowColumn& windows) {
    for (std::size_t i = 0; i < windows.size(); ++i) {
      if (!is_unclear(windows, i)) {
        counters_[place].add(windows, i, windows.last[i] - windows.first[i]);
        continue;
      }
      const std::int64_t end = windows.end_ms[i];
      const std::int64_t start = end - tier_step_ms(tier) + 1;
      const bool there = samples_from_ms_ <= start;
      counters_[place].add(windows, i, there ? 0 : guess(windows, i));
      if (!there) continue;
      const std::pair span(std::max(start, range_.start_ms), std::min(end, range_.end_ms));
      if (span.first <= span.second) unclear_[span].push_back(place);
    }
  }

  SpanReader& reader_;
  std::vector<QuerySeries> series_;
  TimeSpan range_;
  std::vector<CounterGrowth> counters_;
  std::int64_t samples_from_ms_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::size_t>> unclear_;
};

// The tier for the whole hours (from, to]; raw: none knows as much as the samples.
Tier tier_of_hours(const SeriesSource& source, std::int64_t from_ms, std::int64_t to_ms) {
  promql::WindowTimes windows;
  windows.grid.start_ms = to_ms;
  windows.range_ms = to_ms - from_ms;
  return promql::exact_tier(source, promql::FunctionId::increase, windows);
}

}  // namespace

std::variant<std::vector<Growth>, QueryFailure> Range::growth(const GrowthQuestion& question,
                                                              const QueryLimits& limits) const {
  return within_limits<std::vector<Growth>>(limits, question.cancel, [&](promql::Budget& budget) {
    const TimeSpan range{question.start_ms, question.end_ms};
    SpanReader reader(source_, budget);
    GrowthRead read(reader, reader.select(question.metric, range), range);
    const std::int64_t from = floor_to_step(range.start_ms - 1, kHourMs) + kHourMs;
    const std::int64_t to = floor_to_step(range.end_ms, kHourMs);
    if (from >= to) {
      read.read(Tier::raw, range);
    } else {
      read.read(Tier::raw, {range.start_ms, from});
      read.read(tier_of_hours(source_, from, to), {from + 1, to});
      if (to < range.end_ms) read.read(Tier::raw, {to + 1, range.end_ms});
    }
    read.read_unclear();
    return read.finish();
  });
}

}  // namespace volta
