// Which tier answers a selector, so that a month costs what an hour costs.
//
// Windows answer where the result is the same by definition: each window of the query is a union of
// the tier's windows (times after offset and @, range or lookback, and step are multiples of the
// tier's step), and the function needs no more than they hold: min, max, sum, avg, count, present,
// first and last over time, rate, increase, delta, and the last sample of an instant selector. The
// coarsest such tier answers, if it reaches back as far as the samples do. Two rows are not clear
// from windows and are computed from samples: an instant selector whose newest window is empty (a
// stale marker alone makes no entry), and a mean whose sum left the range of doubles.
//
// Where samples are gone already and windows do not answer by definition, the first and the last
// sample of each window stand for it: of the minute, before that of the hour. A rate or the value
// of an instant is then right but for what lies inside one window; a mean is that of the ends.
#pragma once

#include "query/function_table.hpp"
#include "query/grid.hpp"

namespace volta::promql {

// raw: no tier's windows are the query's. `function`: last_over_time stands for the instant
// selector as well.
Tier exact_tier(const SeriesSource& source, FunctionId function, const WindowTimes& windows);

// Of how many of the first steps the tier does not reach back to where their windows begin, though
// a coarser one does. Windows stand in there, as where no tier answers.
std::size_t steps_beyond(const SeriesSource& source, Tier tier, const WindowTimes& windows);

// Where samples must be replaced. Of times up to `hours_to_ms` hour windows, then up to
// `minutes_to_ms` minute windows, then samples. All ends are multiples of the tiers' steps.
struct StandIns {
  std::int64_t hours_to_ms = INT64_MIN;
  std::int64_t minutes_to_ms = INT64_MIN;
};
// For the samples in `span`; nothing where these are all there.
StandIns stand_ins(const SeriesSource& source, TimeSpan span);

}  // namespace volta::promql
