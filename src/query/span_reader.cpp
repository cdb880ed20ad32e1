#include "query/span_reader.hpp"

#include <algorithm>
#include <exception>

#include "base/steps.hpp"

namespace volta {
namespace {

// Runs `work`; what ends it must not pass through a source's reading. False: it is to end.
template <typename Function>
bool go_on(std::exception_ptr& stopped, const Function& work) {
  try {
    work();
    return true;
  } catch (const promql::Stop&) {
    stopped = std::current_exception();
    return false;
  }
}

}  // namespace

std::vector<QuerySeries> SpanReader::select(const MetricOfHost& metric, TimeSpan span) const {
  Matchers matchers;
  matchers.push_back(LabelMatcher::equal(std::string(kNameLabel), metric.name));
  matchers.push_back(LabelMatcher::equal(std::string(kHostLabel), metric.host_name));
  for (const auto& [name, value] : metric.matchers) {
    matchers.push_back(LabelMatcher::equal(name, value));
  }
  auto series = source_.select(matchers, span, budget_.limits().most_series);
  if (!series) throw promql::Stop(series.error().text);
  return std::move(*series);
}

std::int64_t SpanReader::oldest_ms(Tier tier) const {
  const auto oldest = source_.oldest_ms(tier);
  if (!oldest) return INT64_MAX;
  // What is kept goes by whole hours: before the oldest window of an hour there was nothing, and
  // the coarser window of that hour knows no more.
  const std::int64_t hour = tier_step_ms(Tier::hour);
  return ceil_to_step(std::max(*oldest, -kFarthestTimeMs), hour) - hour + 1;
}

void SpanReader::read(std::span<const QuerySeries> series, Tier base, TimeSpan span,
                      const Visitor& visitor) {
  if (series.empty() || span.start_ms > span.end_ms) return;
  struct Part {
    Tier tier;
    std::int64_t to_ms;
  };
  coarsest_ = std::max(coarsest_, base);
  // From the newest back: up to where each coarser tier stands for what is gone.
  std::vector<Part> parts{{base, span.end_ms}};
  std::int64_t known_from = oldest_ms(base);
  for (const Tier tier : {Tier::minute, Tier::hour}) {
    if (tier <= base || known_from <= span.start_ms) continue;
    const std::int64_t from = oldest_ms(tier);
    if (from >= known_from) continue;
    // Windows are left-open: one that ends right before `known_from` is the last that is needed.
    parts.push_back(
        {tier, ceil_to_step(std::min(known_from - 1, span.end_ms), tier_step_ms(tier))});
    known_from = from;
  }
  std::int64_t from_ms = span.start_ms;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    const bool last = std::next(part) == parts.rend();
    // The window in which the span ends is read whole.
    const std::int64_t to_ms = last && part->tier != Tier::raw
                                   ? ceil_to_step(part->to_ms, tier_step_ms(part->tier))
                                   : part->to_ms;
    if (to_ms < from_ms) continue;
    if (part->tier == Tier::raw) {
      read_samples(series, {from_ms, to_ms}, visitor.samples);
    } else {
      read_windows(series, part->tier, {from_ms, to_ms}, visitor);
    }
    from_ms = to_ms + 1;
  }
}

void SpanReader::read_samples(std::span<const QuerySeries> series, TimeSpan span,
                              const std::function<void(std::size_t, const SampleSlice&)>& visit) {
  std::exception_ptr stopped;
  source_.read(series, span, [&](std::size_t place, const SampleSlice& samples) {
    return go_on(stopped, [&] {
      budget_.check();
      budget_.read_samples(samples.times_ms.size());
      visit(place, samples);
    });
  });
  if (stopped) std::rethrow_exception(stopped);
}

void SpanReader::read_windows(std::span<const QuerySeries> series, Tier tier, TimeSpan ends,
                              const Visitor& visitor) {
  std::exception_ptr stopped;
  source_.read_windows(series, tier, ends, [&](std::size_t place, const WindowColumn& windows) {
    return go_on(stopped, [&] {
      budget_.check();
      budget_.read_samples(windows.size());
      if (windows.size() > 0) coarsest_ = std::max(coarsest_, tier);
      visitor.windows(place, tier, windows);
    });
  });
  if (stopped) std::rethrow_exception(stopped);
}

}  // namespace volta
