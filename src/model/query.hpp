// One question to the store over a time range, as the REST API and later PromQL ask it. Implemented
// by query/; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/store.hpp"

namespace volta {

enum class Aggregation : std::uint8_t { avg, min, max, last, rate };

struct RangeQuestion {
  HostId host{};
  std::string name;                        // exact metric name
  Labels matchers;                         // each must be equal
  std::int64_t start_ms = 0;               // inclusive
  std::int64_t end_ms = 0;                 // inclusive
  std::int64_t step_ms = 0;                // > 0
  std::optional<Aggregation> aggregation;  // default: rate for counters, avg for gauges
};

struct RangeAnswer {
  struct Row {
    Labels labels;
    std::vector<std::optional<double>>
        values;  // one per timestamp; empty: nothing was sampled there
  };
  std::int64_t step_ms = 0;
  std::string tier = "raw";
  std::string unit;
  std::vector<std::int64_t> timestamps_ms;  // multiples of step_ms; each stands for [t, t + step)
  std::vector<Row> rows;                    // by labels
};

class RangeQueries {
 public:
  virtual ~RangeQueries() = default;
  // Refuses more than 11,000 points a series, an unknown metric is an answer without rows.
  [[nodiscard]] virtual Result<RangeAnswer> range(const RangeQuestion& question) const = 0;
};

}  // namespace volta
