// Series and their samples as queries see them: by labels, whoever they came from. The store
// implements SeriesSource; PromQL, match[], federation and remote reads stand on it.
#pragma once

#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/matcher.hpp"
#include "model/series.hpp"

namespace volta {

constexpr std::string_view kNameLabel = "__name__";
constexpr std::string_view kHostLabel = "host";
// The value that says "the series ends here": one NaN among 2^52, as Prometheus writes it.
constexpr std::uint64_t kStaleBits = 0x7ff0'0000'0000'0002;
inline bool is_stale_marker(double value) {
  return std::bit_cast<std::uint64_t>(value) == kStaleBits;
}

// What a question that has told both of them is answered with.
Labels without_name_and_host(const Labels& labels);

// Both ends belong to it.
struct TimeSpan {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
};

// How far from 1970 a question may reach, about 31,000 years: so sums of a few such times fit 64
// bits.
constexpr std::int64_t kFarthestTimeMs = 1'000'000'000'000'000;
constexpr bool in_reach(std::int64_t time_ms) {
  return time_ms >= -kFarthestTimeMs && time_ms <= kFarthestTimeMs;
}

// raw: samples as they came. minute, hour: what their windows hold (WindowColumn).
enum class Tier : std::uint8_t { raw, minute, hour };
constexpr std::int64_t tier_step_ms(Tier tier) {
  return tier == Tier::hour ? 3'600'000 : tier == Tier::minute ? 60'000 : 0;
}
std::string_view to_text(Tier tier);  // "raw", "1m", "1h"

struct QuerySeries {
  std::uint64_t ref = 0;  // its source's own; meaningless elsewhere
  std::shared_ptr<const Labels>
      labels;  // `__name__` among them, and of a host's series `host`; sorted
  Kind kind = Kind::gauge;
};

// What is known of values without looking at them again; false where nobody looked.
struct KnownValues {
  bool no_nan = false;   // hence no stale marker either
  bool no_drop = false;  // none is less than the one before it
};

// Samples in rising time, one per time. Stale markers are among them.
struct SampleSlice {
  std::span<const std::int64_t> times_ms;
  std::span<const double> values;
  KnownValues known = {};
};

// One entry per window that holds a sample, in rising time. Windows are left-open: of the window
// that ends at `end_ms` are the samples with end_ms - step < time <= end_ms; ends are multiples of
// the step. Stale markers count nowhere but in ends_stale. A NaN sample makes `sum` NaN and is left
// out of min and max, unless all samples of the window are NaN.
struct WindowColumn {
  std::vector<std::int64_t> end_ms;
  std::vector<std::int64_t> first_ms, last_ms;  // times of the first and last sample inside
  std::vector<double> first, last, min, max, sum;
  // Of a counter: what it grew from `first` to `last`, a drop counted as a reset to zero, as
  // Prometheus counts it. What it grew between two windows is last -> first, by the same rule.
  std::vector<double> increase;
  std::vector<std::uint32_t> count;
  std::vector<std::uint8_t>
      ends_stale;  // 1: a stale marker follows the last sample, inside the window

  [[nodiscard]] std::size_t size() const { return end_ms.size(); }
};

// What of windows is wanted; when they end, their first and last times, `count` and `ends_stale`
// come always. A column that is not wanted is as long as the others and holds anything.
struct WindowFields {
  bool first_and_last = true;
  bool min_and_max = true;
  bool sum = true;
  bool increase = true;
};

struct WindowsAsked {
  Tier tier = Tier::minute;
  TimeSpan ends;
  WindowFields fields;
};

struct MetricMetadata {
  std::string name;
  std::string type;  // counter, gauge, histogram, summary, unknown ...: Prometheus' words
  std::string help;
  std::string unit;
};

// Thread-safe: many queries at once, while samples come in. Throws Failure where the disk fails,
// QueryFailed where another engine gives no answer.
class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  // All series that match and may have samples in the span, ordered by labels. An Error: more than
  // `most`, with a text that says how to narrow it.
  [[nodiscard]] virtual Result<std::vector<QuerySeries>> select(
      std::span<const LabelMatcher> matchers, TimeSpan span, std::size_t most) const = 0;
  // Calls visit(index in `series`, its samples in the span) once for each, in any order, on the
  // caller's thread; empty columns too. The slice lives until visit returns. `visit` answers false
  // to end it all early (a limit, a deadline).
  using VisitSamples = std::function<bool(std::size_t, const SampleSlice&)>;
  virtual void read(std::span<const QuerySeries> series, TimeSpan span,
                    const VisitSamples& visit) const = 0;
  // The same for windows whose end lies in the span. Windows that were not rolled up yet are made
  // from samples; so the answer is complete wherever the tier's retention reaches.
  using VisitWindows = std::function<bool(std::size_t, const WindowColumn&)>;
  virtual void visit_windows(std::span<const QuerySeries> series, const WindowsAsked& asked,
                             const VisitWindows& visit) const = 0;
  void read_windows(std::span<const QuerySeries> series, Tier tier, TimeSpan ends,
                    const VisitWindows& visit) const {
    visit_windows(series, {tier, ends, {}}, visit);
  }
  // From when on the tier holds everything there is; empty: it holds nothing.
  [[nodiscard]] virtual std::optional<std::int64_t> oldest_ms(Tier tier) const = 0;

  // Sorted, without repetition, of the series that match any of the selectors; without selectors,
  // of all series.
  [[nodiscard]] virtual std::vector<std::string> label_names(std::span<const Matchers> any_of,
                                                             TimeSpan span) const = 0;
  [[nodiscard]] virtual std::vector<std::string> label_values(std::string_view name,
                                                              std::span<const Matchers> any_of,
                                                              TimeSpan span) const = 0;
  // By metric name; "": of all metrics.
  [[nodiscard]] virtual std::vector<MetricMetadata> metadata(std::string_view name) const = 0;

  // The same series for one request: what it asks of another machine ends with a QueryFailed once
  // `timeout` is over, counted from here, or `cancel` (may be null) is true. Must not outlive this
  // one. Null: nothing is asked of another machine.
  [[nodiscard]] virtual std::unique_ptr<SeriesSource> bounded(
      std::chrono::milliseconds /*timeout*/, const std::atomic<bool>* /*cancel*/) const {
    return nullptr;
  }
};

}  // namespace volta
