// Series in memory, as a source of queries: the same samples raw and as windows.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "model/time_series.hpp"

namespace volta::test {

struct MemorySeries {
  std::shared_ptr<const Labels> labels;
  std::vector<std::int64_t> times_ms;
  std::vector<double> values;
};

inline bool is_stale(double value) { return std::bit_cast<std::uint64_t>(value) == kStaleBits; }

// Adds a sample to the last window of `column`, or opens the one that it belongs to.
class WindowBuilder {
 public:
  explicit WindowBuilder(std::int64_t step_ms) : step_ms_(step_ms) {}

  void add(std::int64_t time_ms, double value) {
    std::int64_t end_ms = time_ms / step_ms_ * step_ms_;
    if (end_ms < time_ms) end_ms += step_ms_;
    const bool is_new = column_.end_ms.empty() || column_.end_ms.back() != end_ms;
    if (is_stale(value)) {
      // A window without a sample has no entry, so a marker alone in it is seen by no window.
      if (!is_new) column_.ends_stale.back() = 1;
      return;
    }
    if (is_new) {
      open(end_ms, time_ms, value);
    } else {
      extend(time_ms, value);
    }
  }
  [[nodiscard]] const WindowColumn& column() const { return column_; }

 private:
  void open(std::int64_t end_ms, std::int64_t time_ms, double value) {
    lost_ = 0;
    column_.end_ms.push_back(end_ms);
    column_.first_ms.push_back(time_ms);
    column_.last_ms.push_back(time_ms);
    for (auto* values : {&column_.first, &column_.last, &column_.min, &column_.max, &column_.sum}) {
      values->push_back(value);
    }
    column_.increase.push_back(0);
    column_.count.push_back(1);
    column_.ends_stale.push_back(0);
  }
  void extend(std::int64_t time_ms, double value) {
    const double before = column_.last.back();
    if (value < before) lost_ += before;
    column_.increase.back() = value - column_.first.back() + lost_;
    column_.last_ms.back() = time_ms;
    column_.last.back() = value;
    column_.min.back() = std::fmin(column_.min.back(), value);
    column_.max.back() = std::fmax(column_.max.back(), value);
    column_.sum.back() += value;
    ++column_.count.back();
    column_.ends_stale.back() = 0;
  }

  std::int64_t step_ms_;
  double lost_ = 0;  // by resets inside the last window
  WindowColumn column_;
};

// As a store does it that does not read what is not wanted.
inline WindowColumn with_only(WindowColumn column, const WindowFields& fields) {
  const auto spoil = [](bool wanted, std::vector<double>& values) {
    if (!wanted) std::fill(values.begin(), values.end(), -4.2e42);
  };
  spoil(fields.first_and_last, column.first);
  spoil(fields.first_and_last, column.last);
  spoil(fields.min_and_max, column.min);
  spoil(fields.min_and_max, column.max);
  spoil(fields.sum, column.sum);
  spoil(fields.increase, column.increase);
  return column;
}

// Copied with the source, counted by any thread.
class ReadCount {
 public:
  ReadCount() = default;
  ReadCount(const ReadCount& other) : count_(other.count_.load()) {}
  ReadCount& operator=(const ReadCount&) = delete;
  ~ReadCount() = default;
  void operator++() { ++count_; }
  operator std::size_t() const { return count_; }  // NOLINT: it is one

 private:
  std::atomic<std::size_t> count_{0};
};

class MemorySource : public SeriesSource {
 public:
  Kind kind = Kind::gauge;  // of all series
  // Before this raw samples are gone; windows are not.
  std::int64_t raw_from_ms = 0;
  // From when on it says that it has windows; INT64_MAX: it has none.
  std::int64_t minutes_from_ms = INT64_MAX;
  std::int64_t hours_from_ms = INT64_MAX;
  // What was asked of it.
  mutable ReadCount raw_reads;
  mutable ReadCount window_reads;

  void add(Labels labels, std::vector<std::int64_t> times_ms, std::vector<double> values) {
    MemorySeries series{std::make_shared<const Labels>(std::move(labels)), std::move(times_ms),
                        std::move(values)};
    const auto place = std::lower_bound(
        series_.begin(), series_.end(), series,
        [](const MemorySeries& a, const MemorySeries& b) { return *a.labels < *b.labels; });
    series_.insert(place, std::move(series));
  }

  [[nodiscard]] Result<std::vector<QuerySeries>> select(std::span<const LabelMatcher> matchers,
                                                        TimeSpan /*span*/,
                                                        std::size_t most) const override {
    std::vector<QuerySeries> found;
    for (std::size_t i = 0; i < series_.size(); ++i) {
      if (!matches(*series_[i].labels, matchers)) continue;
      if (found.size() == most) {
        return Error{"the selector matches more than " + std::to_string(most) +
                     " series; add matchers"};
      }
      found.push_back({i, series_[i].labels, kind});
    }
    return found;
  }

  void read(std::span<const QuerySeries> series, TimeSpan span,
            const VisitSamples& visit) const override {
    ++raw_reads;
    const std::int64_t start_ms = std::max(span.start_ms, raw_from_ms);
    for (std::size_t i = 0; i < series.size(); ++i) {
      const MemorySeries& stored = series_[series[i].ref];
      const auto& times = stored.times_ms;
      const auto begin = std::lower_bound(times.begin(), times.end(), start_ms);
      const auto end = std::upper_bound(begin, times.end(), std::max(span.end_ms, start_ms - 1));
      const auto first = static_cast<std::size_t>(begin - times.begin());
      const auto count = static_cast<std::size_t>(std::max<std::ptrdiff_t>(end - begin, 0));
      if (!visit(i, {std::span(times).subspan(first, count),
                     std::span(stored.values).subspan(first, count)})) {
        return;
      }
    }
  }

  void visit_windows(std::span<const QuerySeries> series, const WindowsAsked& asked,
                     const VisitWindows& visit) const override {
    ++window_reads;
    const std::int64_t step_ms = tier_step_ms(asked.tier);
    const std::int64_t from_ms = asked.tier == Tier::hour ? hours_from_ms : minutes_from_ms;
    for (std::size_t i = 0; i < series.size(); ++i) {
      const MemorySeries& stored = series_[series[i].ref];
      WindowBuilder windows(step_ms);
      for (std::size_t s = 0; s < stored.times_ms.size(); ++s) {
        const std::int64_t time_ms = stored.times_ms[s];
        const std::int64_t end_ms = (time_ms + step_ms - 1) / step_ms * step_ms;
        if (time_ms >= from_ms && end_ms >= asked.ends.start_ms && end_ms <= asked.ends.end_ms)
          windows.add(time_ms, stored.values[s]);
      }
      if (!visit(i, with_only(windows.column(), asked.fields))) return;
    }
  }

  [[nodiscard]] std::optional<std::int64_t> oldest_ms(Tier tier) const override {
    if (tier == Tier::raw) return raw_from_ms;
    const std::int64_t from_ms = tier == Tier::hour ? hours_from_ms : minutes_from_ms;
    return from_ms == INT64_MAX ? std::nullopt : std::optional(from_ms);
  }

  [[nodiscard]] std::vector<std::string> label_names(std::span<const Matchers> any_of,
                                                     TimeSpan /*span*/) const override {
    std::set<std::string> names;
    each_of(any_of, [&](const Labels& labels) {
      for (const auto& label : labels) names.insert(label.first);
    });
    return {names.begin(), names.end()};
  }
  [[nodiscard]] std::vector<std::string> label_values(std::string_view name,
                                                      std::span<const Matchers> any_of,
                                                      TimeSpan /*span*/) const override {
    std::set<std::string> values;
    each_of(any_of, [&](const Labels& labels) {
      if (const auto value = label_value(labels, name); !value.empty()) values.emplace(value);
    });
    return {values.begin(), values.end()};
  }
  [[nodiscard]] std::vector<MetricMetadata> metadata(std::string_view /*name*/) const override {
    return {};
  }

 private:
  static bool matches(const Labels& labels, std::span<const LabelMatcher> matchers) {
    return std::all_of(matchers.begin(), matchers.end(), [&](const LabelMatcher& matcher) {
      return matcher.matches(label_value(labels, matcher.name()));
    });
  }
  template <typename Function>
  void each_of(std::span<const Matchers> any_of, const Function& f) const {
    for (const MemorySeries& series : series_) {
      const bool wanted = any_of.empty() ||
                          std::any_of(any_of.begin(), any_of.end(), [&](const Matchers& matchers) {
                            return matches(*series.labels, matchers);
                          });
      if (wanted) f(*series.labels);
    }
  }

  std::vector<MemorySeries> series_;  // ordered by labels
};

}  // namespace volta::test
