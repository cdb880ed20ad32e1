#include "query/tier_choice.hpp"

#include <algorithm>
#include <optional>

#include "base/assert.hpp"
#include "base/steps.hpp"

namespace volta::promql {
namespace {

bool windows_hold(FunctionId function) {
  switch (function) {
    case FunctionId::min_over_time:
    case FunctionId::max_over_time:
    case FunctionId::sum_over_time:
    case FunctionId::avg_over_time:
    case FunctionId::count_over_time:
    case FunctionId::present_over_time:
    case FunctionId::first_over_time:
    case FunctionId::last_over_time:
    case FunctionId::rate:
    case FunctionId::increase:
    case FunctionId::delta:
      return true;
    default:
      return false;
  }
}

bool is_aligned(const WindowTimes& windows, std::int64_t step_ms) {
  VOLTA_ASSERT(step_ms > 0);
  const bool moves = windows.grid.steps > 1 && !windows.fixed;
  return windows.end(0) % step_ms == 0 && windows.range_ms % step_ms == 0 &&
         (!moves || windows.grid.step_ms % step_ms == 0);
}

std::int64_t oldest(const SeriesSource& source, Tier tier) {
  return source.oldest_ms(tier).value_or(INT64_MAX);
}

}  // namespace

Tier exact_tier(const SeriesSource& source, FunctionId function, const WindowTimes& windows) {
  if (!windows_hold(function)) return Tier::raw;
  // Asked for only where windows are aligned, since each answer takes some statements of the store.
  std::optional<std::int64_t> needed;
  for (const Tier tier : {Tier::hour, Tier::minute}) {
    if (!is_aligned(windows, tier_step_ms(tier))) continue;
    if (!needed) needed = std::max(windows.span().start_ms, oldest(source, Tier::raw));
    const std::int64_t from = oldest(source, tier);
    if (from <= *needed && from != INT64_MAX) return tier;
  }
  return Tier::raw;
}

std::size_t steps_beyond(const SeriesSource& source, Tier tier, const WindowTimes& windows) {
  if (tier != Tier::minute) return 0;
  const std::int64_t from = oldest(source, tier);
  if (from <= windows.span().start_ms) return 0;
  // Where nothing is gone, hours still begin before the minutes in them.
  const std::int64_t coarser = oldest(source, Tier::hour);
  if (coarser > from || coarser + tier_step_ms(Tier::hour) > from) return 0;
  std::size_t steps = 0;
  while (steps < windows.grid.steps && windows.end(steps) - windows.range_ms < from - 1) ++steps;
  return steps;
}

StandIns stand_ins(const SeriesSource& source, TimeSpan span) {
  StandIns result;
  std::int64_t known_from = oldest(source, Tier::raw);
  if (known_from <= span.start_ms) return result;
  const auto reach = [&](Tier tier) {
    const std::int64_t from = oldest(source, tier);
    if (from >= known_from) return INT64_MIN;
    // What is known begins behind this time: a window that ends at it is the last one needed.
    const std::int64_t last = std::min(known_from - 1, span.end_ms);
    const std::int64_t to = ceil_to_step(last, tier_step_ms(tier));
    known_from = from;
    return to;
  };
  result.minutes_to_ms = reach(Tier::minute);
  if (known_from > span.start_ms) result.hours_to_ms = reach(Tier::hour);
  return result;
}

}  // namespace volta::promql
