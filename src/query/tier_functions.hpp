// Range functions and instant selectors from a tier's windows (see tier_choice.hpp), and samples
// made of windows.
#pragma once

#include <span>
#include <vector>

#include "query/function_table.hpp"
#include "query/grid.hpp"
#include "query/series_matrix.hpp"

namespace volta::promql {

struct TierInput {
  const WindowColumn& column;  // of one series; its windows lie in those of the query
  WindowTimes windows;
  std::int64_t samples_from_ms = 0;  // since when samples could tell more
};

// What of windows the function looks at.
WindowFields fields_of(FunctionId function);

// Fills `out` as range_function() would from the samples. False: only samples can tell.
bool function_of_windows(FunctionId function, const TierInput& input, std::span<double> out);
// The same for an instant selector; its range is the lookback.
bool instants_of_windows(const TierInput& input, bool shows_time, std::span<double> out);

// The samples that stand for windows, one after the other.
struct StandInSamples {
  std::vector<std::int64_t> times_ms;
  std::vector<double> values;

  // First and last sample of each window, and a stale marker behind it where it ends with one; of
  // those only what lies in `span`.
  void add(const WindowColumn& column, TimeSpan span);
  void add(const SampleSlice& samples);
};

}  // namespace volta::promql
