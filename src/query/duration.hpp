// Durations as PromQL writes them: `1h30m`, each unit at most once and from large to small.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace volta::promql {

// As far as Prometheus' own durations reach: 292 years.
constexpr std::int64_t kMostDurationMs = 9'223'372'036'854;

// Milliseconds, 0 to kMostDurationMs. Units: y (365 d), w, d, h, m, s, ms.
Result<std::int64_t> parse_duration_ms(std::string_view text);
// The same, for any `ms` >= 0; `0s` for none. Years and weeks only where nothing is left over.
std::string duration_text(std::int64_t ms);

}  // namespace volta::promql
