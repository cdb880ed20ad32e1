// How the evaluator reads series: samples, a tier's windows, and windows in place of samples that
// are gone.
#include <algorithm>
#include <exception>
#include <mutex>
#include <numeric>
#include <utility>

#include "base/assert.hpp"
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

std::vector<QuerySeries> picked(std::span<const QuerySeries> series,
                                std::span<const std::size_t> rows) {
  std::vector<QuerySeries> some;
  some.reserve(rows.size());
  for (const std::size_t r : rows) some.push_back(series[r]);
  return some;
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
  Tier seen = coarsest_;
  while (seen < asked.tier && !coarsest_.compare_exchange_weak(seen, asked.tier)) {
  }
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
  std::vector<std::size_t> charged(series.size());
  Charge charge(budget_);
  const auto take = [&](std::size_t r, std::size_t bytes) {
    charge.add(bytes);
    charged[r] += bytes;
  };
  const auto show = [&](std::size_t r) {
    visit(r, {samples[r].times_ms, samples[r].values});
    samples[r] = {};
    charge.give_back(std::exchange(charged[r], 0));
  };
  const auto add = [&](Tier tier, std::int64_t from_ms, std::int64_t to_ms) {
    if (to_ms == INT64_MIN || to_ms < from_ms) return;
    const TimeSpan visible{std::max(span.start_ms, from_ms), std::min(span.end_ms, to_ms)};
    read_tier(series, {tier, {from_ms, to_ms}, fields_of(FunctionId::first_over_time)},
              [&](std::size_t r, const WindowColumn& column) {
                take(r, column.size() * 48);
                samples[r].add(column, visible);
              });
  };
  add(Tier::hour, span.start_ms, gone.hours_to_ms);
  add(Tier::minute, std::max(span.start_ms, gone.hours_to_ms + 1), gone.minutes_to_ms);
  if (windows_to_ms >= span.end_ms) {
    for (std::size_t r = 0; r < series.size(); ++r) show(r);
    return;
  }
  read_raw(series, {windows_to_ms + 1, span.end_ms}, [&](std::size_t r, const SampleSlice& raw) {
    take(r, raw.times_ms.size() * 16);
    samples[r].add(raw);
    show(r);
  });
}

void Evaluator::in_parts(std::span<const QuerySeries> series, std::vector<std::size_t> rows,
                         std::size_t weight, const PartWork& work) {
  constexpr std::size_t kLeastWeight = 200'000;  // of a part: about a millisecond
  // Where there is more for each thread, parts are smaller than that: then no thread waits long for
  // one that something else on the machine holds up.
  constexpr std::size_t kMuch = 4'000'000;
  constexpr std::size_t kPartsOfMuch = 4;
  const std::size_t threads = 1 + helpers_.idle();
  const std::size_t all = rows.size() * weight;
  std::size_t parts = threads * (all / threads >= kMuch ? kPartsOfMuch : 1);
  parts = std::min({parts, rows.size(), all / kLeastWeight});
  if (threads < 2 || parts < 2) {
    work(rows);
    return;
  }
  // Neighbours by number are likely to lie together in the source, to be read only once.
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return series[a].ref < series[b].ref; });
  const auto do_part = [&](std::size_t part) {
    const std::size_t begin = rows.size() * part / parts;
    const std::size_t end = rows.size() * (part + 1) / parts;
    try {
      work(std::span(rows).subspan(begin, end - begin));
    } catch (...) {
      budget_.end(std::current_exception());  // for the other parts
      throw;
    }
  };
  try {
    helpers_.run(parts, do_part);
  } catch (...) {
    // Another part, which failed only because this one had, may have come in before it.
    std::rethrow_exception(budget_.failure());
  }
}

std::vector<std::size_t> Evaluator::fill_from_tier(std::span<const QuerySeries> series, Tier tier,
                                                   const WindowTimes& windows, const Fill& fill,
                                                   SeriesMatrix& out) {
  std::vector<std::size_t> all(series.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  if (tier == Tier::raw) return all;
  const std::int64_t samples_from_ms = source_.oldest_ms(Tier::raw).value_or(INT64_MAX);
  const TimeSpan span = windows.span();
  std::mutex mutex;  // for `rest`
  std::vector<std::size_t> rest;
  const std::int64_t step_ms = tier_step_ms(tier);
  VOLTA_ASSERT(step_ms > 0);
  const auto weight =
      out.columns() + static_cast<std::size_t>((span.end_ms - span.start_ms) / step_ms);
  in_parts(series, std::move(all), weight, [&](std::span<const std::size_t> rows) {
    const WindowsAsked asked{tier, span, fields_of(fill.function)};
    read_tier(picked(series, rows), asked, [&](std::size_t i, const WindowColumn& column) {
      const auto row = out.row(rows[i]);
      if (fill.from_windows({column, windows, samples_from_ms}, row)) return;
      std::fill(row.begin(), row.end(), kAbsent);
      const std::lock_guard lock(mutex);
      rest.push_back(rows[i]);
    });
  });
  std::sort(rest.begin(), rest.end());
  return rest;
}

void Evaluator::fill_from_samples(std::span<const QuerySeries> series,
                                  std::span<const std::size_t> rows, const WindowTimes& windows,
                                  const Fill& fill, SeriesMatrix& out) {
  if (rows.empty()) return;
  const TimeSpan span = windows.span();
  const std::size_t steps = windows.grid.steps;
  // A sample a second, or a minute where it is long: nobody knows before.
  const auto seconds = static_cast<std::size_t>((span.end_ms - span.start_ms) / 1000);
  const std::size_t weight = steps + std::min<std::size_t>(seconds, 100'000);
  in_parts(series, {rows.begin(), rows.end()}, weight, [&](std::span<const std::size_t> part) {
    const FromSamples put = fill.make_from_samples();
    read(picked(series, part), span, [&](std::size_t i, const SampleSlice& samples) {
      put(samples, windows, out.row(part[i]).first(steps));
    });
  });
}

void Evaluator::fill_rows(std::span<const QuerySeries> series, const WindowTimes& windows,
                          const Fill& fill, SeriesMatrix& out) {
  const Tier tier = exact_tier(source_, fill.function, windows);
  const auto rest = fill_from_tier(series, tier, windows, fill, out);
  fill_from_samples(series, rest, windows, fill, out);
  if (rest.size() == series.size()) return;
  WindowTimes beyond = windows;
  beyond.grid.steps = steps_beyond(source_, tier, windows);
  if (beyond.grid.steps == 0) return;
  std::vector<std::size_t> rows;
  for (std::size_t r = 0; r < series.size(); ++r) {
    if (std::binary_search(rest.begin(), rest.end(), r)) continue;
    const auto first = out.row(r).first(beyond.grid.steps);
    std::fill(first.begin(), first.end(), kAbsent);
    rows.push_back(r);
  }
  fill_from_samples(series, rows, beyond, fill, out);
}

}  // namespace volta::promql
