// Windows out of samples, by the rules of WindowColumn (model/time_series.hpp). Pure.
#pragma once

#include <cstdint>

#include "model/time_series.hpp"

namespace volta {

// The end of the window that the time is in: the least multiple of the step that is not below it.
// Requires step_ms > 0. Times within one step of what 64 bits hold share the last window there.
std::int64_t window_end_ms(std::int64_t time_ms, std::int64_t step_ms);

// One entry per window that holds a sample other than a stale marker. `samples` rise in time.
// `increase` is counted for all of them; whether the series is a counter is the reader's business.
WindowColumn build_windows(const SampleSlice& samples, std::int64_t step_ms);

}  // namespace volta
