// Questions about one metric of a host, as the REST API asks them. Implemented by query/;
// thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/query_engine.hpp"
#include "model/store.hpp"

namespace volta {

enum class Aggregation : std::uint8_t { avg, min, max, last, rate };

// Which series: of this host, of exactly this name, with all these labels.
struct MetricOfHost {
  HostId host{};
  std::string host_name;  // that the host has now
  std::string name;
  Labels matchers;  // each must be equal
};

struct RangeQuestion {
  MetricOfHost metric;
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;                    // not before the start
  std::int64_t step_ms = 0;                   // > 0
  std::optional<Aggregation> aggregation;     // default: rate for counters, avg for gauges
  const std::atomic<bool>* cancel = nullptr;  // looked at now and then, if given
};

// Each timestamp t stands for [t, t + step); where the step is whole minutes for (t, t + step], so
// that the windows of the store's tiers add up to it. Timestamps are multiples of the step, from
// the one that is not after the start to the one that is not after the end.
//
// avg, min, max, last: of the samples there. rate: what a counter grew, a drop counted as a reset
// to zero, from the sample before the first one there (if it is at most three minutes or a step
// older) to the last one, by their distance.
//
// Where samples are gone and only coarser windows are left, each step shows the windows that end in
// it, or the one that it lies in.
struct RangeAnswer {
  struct Row {
    Labels labels;               // without name and host
    std::vector<double> values;  // one per timestamp; NaN: nothing was sampled there
  };
  std::int64_t step_ms = 0;
  Tier tier = Tier::raw;  // the coarsest that was read
  std::string unit;
  std::vector<std::int64_t> timestamps_ms;
  std::vector<Row> rows;  // by labels; those without any value are left out
};

struct GrowthQuestion {
  MetricOfHost metric;
  std::int64_t start_ms = 0;  // both ends belong to it
  std::int64_t end_ms = 0;
  const std::atomic<bool>* cancel = nullptr;  // as above
};

// How much a counter grew between its first and its last sample in the range. Unlike in a rate, a
// drop counts as nothing: what was counted around it is unknown. Of a window that the range cuts,
// where no samples are left, its share by time.
struct Growth {
  Labels labels;  // without name and host
  double amount = 0;
};

class RangeQueries {
 public:
  virtual ~RangeQueries() = default;
  // An unknown metric is an answer without rows. Throws Failure where the disk fails.
  [[nodiscard]] virtual std::variant<RangeAnswer, QueryFailure> range(
      const RangeQuestion& question, const QueryLimits& limits) const = 0;
  // Only series with at least two samples there.
  [[nodiscard]] virtual std::variant<std::vector<Growth>, QueryFailure> growth(
      const GrowthQuestion& question, const QueryLimits& limits) const = 0;
};

}  // namespace volta
