// Samples of some series of one host while they are gathered, from the journal or from packs, in
// any order and with repetitions. Of several for one time the one that was accepted last stays;
// that holds across the variants of a series too.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/series.hpp"

namespace volta {

// One thread. Some 16 bytes a sample.
class SampleTable {
 public:
  struct Column {
    SeriesId series{};
    std::vector<std::int64_t> times_ms;  // strictly rising
    std::vector<std::uint64_t> raw;
  };

  // `likely_samples`: what there is room for in each column at first; any number is right.
  explicit SampleTable(std::size_t likely_samples = 0) : likely_samples_(likely_samples) {}

  // Series whose `group` is the same are variants of one. Requires that it is not there yet.
  void add_series(SeriesId series, std::uint32_t group);
  [[nodiscard]] std::optional<std::uint32_t> find(SeriesId series) const;
  [[nodiscard]] std::size_t series() const { return columns_.size(); }
  [[nodiscard]] std::size_t samples() const { return samples_; }

  // A time as somebody accepted it: what several samples share. Of equal (time, accepted) the later
  // call counts as accepted later.
  std::uint32_t tick(std::int64_t time_ms, std::int64_t accepted);
  void add(std::uint32_t column, std::uint32_t tick, std::uint64_t raw);

  // To be called once all is in; then take() gives each column away, in the order of add_series.
  void resolve();
  Column take(std::uint32_t column);
  // All times that any tick has, strictly rising; after resolve().
  [[nodiscard]] std::span<const std::int64_t> times_ms() const { return times_ms_; }

 private:
  struct Tick {
    std::int64_t time_ms;
    std::int64_t accepted;
  };
  struct Sample {
    std::uint32_t rank;  // before resolve() the tick
    std::uint32_t time;  // index into times_ms_, after resolve()
    std::uint64_t raw;
  };
  void rank_ticks(std::vector<std::uint32_t>& rank, std::vector<std::uint32_t>& time_of_tick);
  void keep_last_of_group(std::span<const std::uint32_t> columns);

  const std::size_t likely_samples_;
  std::vector<Tick> ticks_;
  std::vector<std::int64_t> times_ms_;
  std::vector<SeriesId> ids_;
  std::vector<std::uint32_t> groups_;
  std::vector<std::vector<Sample>> columns_;
  std::unordered_map<SeriesId, std::uint32_t> column_of_;
  std::size_t samples_ = 0;
};

}  // namespace volta
