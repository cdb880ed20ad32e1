// One series' values step by step, from samples and windows that come in rising time. The rules are
// those of RangeAnswer (model/query.hpp). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/query.hpp"

namespace volta {

struct StepGrid {
  std::int64_t first_ms = 0;
  std::int64_t step_ms = 1;
  std::int64_t steps = 0;

  [[nodiscard]] bool left_open() const { return step_ms % tier_step_ms(Tier::minute) == 0; }
  [[nodiscard]] std::int64_t end_ms() const { return first_ms + steps * step_ms; }
  // What is in one of the steps.
  [[nodiscard]] TimeSpan span() const {
    const std::int64_t shift = left_open() ? 1 : 0;
    return {first_ms + shift, end_ms() - 1 + shift};
  }
  // The step of a time; below 0 or beyond the last where it is in none.
  [[nodiscard]] std::int64_t step_of(std::int64_t time_ms) const;
};

class StepFold {
 public:
  // A rate counts from a sample that is at most `lookback_ms` older than the first of a step.
  StepFold(StepGrid grid, Aggregation aggregation, std::int64_t lookback_ms);

  void add(const SampleSlice& samples);
  // `step_ms`: the tier's.
  void add(const WindowColumn& windows, std::int64_t step_ms);
  // One value a step; NaN: there was nothing. Ends the fold.
  std::vector<double> finish();

 private:
  // What is known of some samples that follow each other.
  struct Piece {
    std::int64_t first_ms = 0, last_ms = 0;
    double first = 0, last = 0, min = 0, max = 0, sum = 0, increase = 0, count = 0;
    std::int64_t from_ms = 0;  // since when `increase` counts
  };
  [[nodiscard]] static Piece piece_of(const WindowColumn& windows, std::size_t index);
  // Lets it count from the sample before it.
  void count_from_before(Piece& piece) const;
  void take(std::int64_t step, Piece piece);
  void close();
  [[nodiscard]] double value_of(const Piece& piece) const;

  StepGrid grid_;
  Aggregation aggregation_;
  std::int64_t lookback_ms_;
  std::vector<double> values_;
  std::int64_t open_step_ = -1;
  std::optional<Piece> open_;  // of the step that is not complete yet
  struct Before {
    std::int64_t time_ms;
    double value;
  };
  std::optional<Before> before_;  // the newest sample so far
};

}  // namespace volta
