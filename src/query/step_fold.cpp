#include "query/step_fold.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace volta {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

std::int64_t divided_down(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

double grown(double before, double after) { return after < before ? after : after - before; }

}  // namespace

std::int64_t StepGrid::step_of(std::int64_t time_ms) const {
  return divided_down(time_ms - first_ms - (left_open() ? 1 : 0), step_ms);
}

StepFold::StepFold(StepGrid grid, Aggregation aggregation, std::int64_t lookback_ms)
    : grid_(grid),
      aggregation_(aggregation),
      lookback_ms_(lookback_ms),
      values_(static_cast<std::size_t>(grid.steps), kNothing) {}

StepFold::Piece StepFold::piece_of(const WindowColumn& windows, std::size_t index) {
  Piece piece;
  piece.first_ms = windows.first_ms[index];
  piece.last_ms = windows.last_ms[index];
  piece.first = windows.first[index];
  piece.last = windows.last[index];
  piece.min = windows.min[index];
  piece.max = windows.max[index];
  piece.sum = windows.sum[index];
  piece.increase = windows.increase[index];
  piece.count = windows.count[index];
  piece.from_ms = piece.first_ms;
  return piece;
}

void StepFold::count_from_before(Piece& piece) const {
  if (!before_ || piece.first_ms - before_->time_ms > lookback_ms_) return;
  piece.from_ms = before_->time_ms;
  piece.increase += grown(before_->value, piece.first);
}

double StepFold::value_of(const Piece& piece) const {
  switch (aggregation_) {
    case Aggregation::avg:
      return piece.sum / piece.count;
    case Aggregation::min:
      return piece.min;
    case Aggregation::max:
      return piece.max;
    case Aggregation::last:
      return piece.last;
    case Aggregation::rate:
      break;
  }
  const std::int64_t span_ms = piece.last_ms - piece.from_ms;
  return span_ms > 0 ? piece.increase * 1000 / static_cast<double>(span_ms) : kNothing;
}

void StepFold::close() {
  if (open_ && open_step_ >= 0 && open_step_ < grid_.steps) {
    values_[static_cast<std::size_t>(open_step_)] = value_of(*open_);
  }
  open_.reset();
}

void StepFold::take(std::int64_t step, Piece piece) {
  if (open_ && step == open_step_) {
    open_->increase += grown(open_->last, piece.first) + piece.increase;
    open_->last_ms = piece.last_ms;
    open_->last = piece.last;
    open_->min = std::fmin(open_->min, piece.min);
    open_->max = std::fmax(open_->max, piece.max);
    open_->sum += piece.sum;
    open_->count += piece.count;
  } else {
    close();
    count_from_before(piece);
    open_ = piece;
    open_step_ = step;
  }
  before_ = {piece.last_ms, piece.last};
}

void StepFold::add(const SampleSlice& samples) {
  for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
    const std::int64_t time = samples.times_ms[i];
    const double value = samples.values[i];
    if (is_stale_marker(value)) continue;
    take(grid_.step_of(time), {time, time, value, value, value, value, value, 0, 1, time});
  }
}

void StepFold::add(const WindowColumn& windows, std::int64_t step_ms) {
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::int64_t end = windows.end_ms[i];
    const Piece piece = piece_of(windows, i);
    // The step that holds the window's end, and those that begin after its start and end before.
    const std::int64_t last = divided_down(end - grid_.first_ms - 1, grid_.step_ms);
    const std::int64_t first =
        divided_down(end - step_ms - grid_.first_ms + grid_.step_ms - 1, grid_.step_ms);
    Piece alone = piece;
    count_from_before(alone);
    for (std::int64_t step = std::max<std::int64_t>(first, 0); step < std::min(last, grid_.steps);
         ++step) {
      values_[static_cast<std::size_t>(step)] = value_of(alone);
    }
    take(last, piece);
  }
}

std::vector<double> StepFold::finish() {
  close();
  return std::move(values_);
}

}  // namespace volta
