// Reads series over a span of time for the REST API: samples or a tier's windows where they are
// kept, and before that, where these are gone for their age, the windows of coarser tiers.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "model/query.hpp"
#include "query/budget.hpp"

namespace volta {

// For one question on one thread. All that reads throws promql::Stop. Source and budget outlive it.
class SpanReader {
 public:
  SpanReader(const SeriesSource& source, promql::Budget& budget)
      : source_(source), budget_(budget) {}

  [[nodiscard]] std::vector<QuerySeries> select(const MetricOfHost& metric, TimeSpan span) const;

  // Called with the place of a series in what was asked for; of each series in rising time, samples
  // and windows never of the same time.
  struct Visitor {
    std::function<void(std::size_t, const SampleSlice&)> samples;
    std::function<void(std::size_t, Tier, const WindowColumn&)> windows;
  };
  // `base` for as far back as it reaches, coarser tiers before. Windows that reach out of the span
  // are among them, first and last; so are those that end right before it.
  void read(std::span<const QuerySeries> series, Tier base, TimeSpan span, const Visitor& visitor);
  // The same of one place only: nothing stands for samples that are gone.
  void read_samples(std::span<const QuerySeries> series, TimeSpan span,
                    const std::function<void(std::size_t, const SampleSlice&)>& visit);

  [[nodiscard]] Tier coarsest() const { return coarsest_; }
  [[nodiscard]] std::int64_t oldest_ms(Tier tier) const;  // INT64_MAX: it holds nothing

 private:
  void read_windows(std::span<const QuerySeries> series, Tier tier, TimeSpan ends,
                    const Visitor& visitor);

  const SeriesSource& source_;
  promql::Budget& budget_;
  Tier coarsest_ = Tier::raw;
};

// What `Range` does in common for its questions: runs `answer`, tells how it ended. `cancel` may be
// null.
template <typename Answer, typename Function>
std::variant<Answer, QueryFailure> within_limits(const QueryLimits& limits,
                                                 const std::atomic<bool>* cancel,
                                                 const Function& answer) {
  try {
    promql::Budget budget(limits, cancel);
    return answer(budget);
  } catch (const promql::Stop& stop) {
    return stop.failure();
  }
}

}  // namespace volta
