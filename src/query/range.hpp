// Questions over a time range, answered from a RangeReader: windows of one step, aggregated. Knows
// no SQL and no HTTP.
#pragma once

#include "model/query.hpp"

namespace volta {

// Thread-safe if its reader and index are. Both must outlive it.
class Range final : public RangeQueries {
 public:
  Range(const SeriesIndex& index, const RangeReader& reader) : index_(index), reader_(reader) {}
  [[nodiscard]] Result<RangeAnswer> range(const RangeQuestion& question) const override;

 private:
  const SeriesIndex& index_;
  const RangeReader& reader_;
};

// One value per window [timestamps[i], timestamps[i] + step): the aggregate of the samples inside.
// A rate is the increase from the sample before the window's first (at most `lookback_ms` older) to
// its last, by their distance; a decrease between two samples is a reset, and counts from zero.
// Empty: no sample, or for a rate nothing to count from.
std::vector<std::optional<double>> aggregate_windows(const SampleColumn& column,
                                                     Aggregation aggregation, std::int64_t first_ms,
                                                     std::int64_t step_ms, std::size_t windows,
                                                     std::int64_t lookback_ms);

}  // namespace volta
