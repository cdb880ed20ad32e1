// Arithmetic that must round as Prometheus' does.
#pragma once

#include <cmath>
#include <limits>
#include <span>
#include <vector>

namespace volta::promql {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Sum with Neumaier's correction.
struct KahanSum {
  double sum = 0;
  double correction = 0;

  void add(double value) {
    const double next = sum + value;
    if (std::isinf(next)) {
      correction = 0;
    } else if (std::abs(sum) >= std::abs(value)) {
      correction += (sum - next) + value;
    } else {
      correction += (value - next) + sum;
    }
    sum = next;
  }
  [[nodiscard]] double value() const { return sum + correction; }
};

// The mean of what was added; does not overflow where the sum would.
class Mean {
 public:
  void add(double value) {
    ++count_;
    if (!incremental_) {
      KahanSum next = sum_;
      next.add(value);
      if (count_ == 1 || !std::isinf(next.sum)) {
        sum_ = next;
        return;
      }
      incremental_ = true;
      mean_.sum = sum_.sum / (count_ - 1);
      mean_.correction = sum_.correction / (count_ - 1);
    }
    if (std::isinf(mean_.sum)) {
      if (std::isinf(value) && (mean_.sum > 0) == (value > 0)) return;
      if (std::isfinite(value)) return;
    }
    const double share = (count_ - 1) / count_;
    mean_.sum *= share;
    mean_.correction *= share;
    mean_.add(value / count_);
  }
  [[nodiscard]] double count() const { return count_; }
  [[nodiscard]] double value() const {
    return incremental_ ? mean_.value() : sum_.value() / count_;
  }

 private:
  double count_ = 0;
  bool incremental_ = false;
  KahanSum sum_;
  KahanSum mean_;
};

// Welford's variance.
struct Variance {
  double count = 0;
  double mean = 0;
  double squares = 0;

  void add(double value) {
    ++count;
    const double delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  [[nodiscard]] double value() const { return squares / count; }
};

// Stale markers are NaNs, too; most series have neither.
bool has_nan(std::span<const double> values);

// The q-quantile with linear interpolation, NaN least; reorders `values`. NaN for no values.
double quantile_of(double q, std::vector<double>& values);

}  // namespace volta::promql
