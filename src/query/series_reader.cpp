// How the evaluator reads series: samples, a tier's windows, and windows in place of samples that
// are gone.
#include <algorithm>
#include <exception>
#include <numeric>

#include "query/evaluator.hpp"
#include "query/tier_choice.hpp"

namespace volta::promql {
namespace {

// `visit` for a source: no exception of ours passes through it, `stopped` keeps it instead.
template <typename Content>
auto stopping(std::exception_ptr& stopped, Budget& budget,
              const std::function<void(std::size_t, const Content&)>& visit,
              std::size_t (*size)(const Content&)) {
  return [&stopped, &budget, &visit, size](std::size_t index, const Content& content) {
    try {
      budget.check();
      budget.read_samples(size(content));
      visit(index, content);
      return true;
    } catch (const Stop&) {
      stopped = std::current_exception();
      return false;
    }
  };
}

}  // namespace

void Evaluator::read_raw(std::span<const QuerySeries> series, TimeSpan span,
                         const VisitSeries& visit) {
  std::exception_ptr stopped;
  source_.read(series, span,
               stopping<SampleSlice>(stopped, budget_, visit,
                                     [](const SampleSlice& s) { return s.times_ms.size(); }));
  if (stopped) std::rethrow_exception(stopped);
}

void Evaluator::read_tier(std::span<const QuerySeries> series, const WindowsAsked& asked,
                          const VisitColumn& visit) {
  coarsest_ = std::max(coarsest_, asked.tier);
  std::exception_ptr stopped;
  source_.visit_windows(series, asked,
                        stopping<WindowColumn>(stopped, budget_, visit,
                                               [](const WindowColumn& c) { return c.size(); }));
  if (stopped) std::rethrow_exception(stopped);
}

void Evaluator::read(std::span<const QuerySeries> series, TimeSpan span, const VisitSeries& visit) {
  const StandIns gone = stand_ins(source_, span);
  const std::int64_t windows_to_ms = std::max(gone.hours_to_ms, gone.minutes_to_ms);
  if (windows_to_ms == INT64_MIN) return read_raw(series, span, visit);
  std::vector<StandInSamples> samples(series.size());
  Charge charge(budget_);
  const auto add = [&](Tier tier, std::int64_t from_ms, std::int64_t to_ms) {
    if (to_ms == INT64_MIN || to_ms < from_ms) return;
    const TimeSpan visible{std::max(span.start_ms, from_ms), std::min(span.end_ms, to_ms)};
    read_tier(series, {tier, {from_ms, to_ms}, fields_of(FunctionId::first_over_time)},
              [&](std::size_t r, const WindowColumn& column) {
                charge.add(column.size() * 48);
                samples[r].add(column, visible);
              });
  };
  add(Tier::hour, span.start_ms, gone.hours_to_ms);
  add(Tier::minute, std::max(span.start_ms, gone.hours_to_ms + 1), gone.minutes_to_ms);
  if (windows_to_ms >= span.end_ms) {
    for (std::size_t r = 0; r < series.size(); ++r) {
      visit(r, {samples[r].times_ms, samples[r].values});
    }
    return;
  }
  read_raw(series, {windows_to_ms + 1, span.end_ms}, [&](std::size_t r, const SampleSlice& raw) {
    charge.add(raw.times_ms.size() * 16);
    samples[r].add(raw);
    visit(r, {samples[r].times_ms, samples[r].values});
  });
}

std::vector<std::size_t> Evaluator::fill_from_tier(std::span<const QuerySeries> series,
                                                   FunctionId function, const WindowTimes& windows,
                                                   const FromWindows& fill, SeriesMatrix& out) {
  std::vector<std::size_t> rest;
  const Tier tier = exact_tier(source_, function, windows);
  if (tier == Tier::raw) {
    rest.resize(series.size());
    std::iota(rest.begin(), rest.end(), std::size_t{0});
    return rest;
  }
  const std::int64_t samples_from_ms = source_.oldest_ms(Tier::raw).value_or(INT64_MAX);
  read_tier(series, {tier, windows.span(), fields_of(function)},
            [&](std::size_t r, const WindowColumn& column) {
              const auto row = out.row(r);
              if (fill({column, windows, samples_from_ms}, row)) return;
              std::fill(row.begin(), row.end(), kAbsent);
              rest.push_back(r);
            });
  return rest;
}

void Evaluator::fill_from_samples(std::span<const QuerySeries> series,
                                  std::span<const std::size_t> rows, TimeSpan span,
                                  const FromSamples& fill, SeriesMatrix& out) {
  if (rows.empty()) return;
  std::vector<QuerySeries> wanted;
  wanted.reserve(rows.size());
  for (const std::size_t r : rows) wanted.push_back(series[r]);
  read(wanted, span,
       [&](std::size_t i, const SampleSlice& samples) { fill(samples, out.row(rows[i])); });
}

}  // namespace volta::promql
