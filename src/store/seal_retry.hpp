// When what failed is tried again: after 10 s, then after twice as long, and so on up to 43 min, so
// that what always fails costs next to nothing and keeps nobody else waiting.
#pragma once

#include <algorithm>
#include <chrono>

namespace volta {

class SealRetry {
 public:
  // By a monotonic clock.
  [[nodiscard]] bool waits(std::chrono::nanoseconds now) const { return now < next_; }
  // Answers how often in a row.
  int failed(std::chrono::nanoseconds now) {
    next_ = now + kFirst * (1 << std::min(failures_, kMostDoublings));
    return ++failures_;
  }
  [[nodiscard]] int failures() const { return failures_; }

 private:
  static constexpr std::chrono::seconds kFirst{10};
  static constexpr int kMostDoublings = 8;

  int failures_ = 0;
  std::chrono::nanoseconds next_{0};
};

}  // namespace volta
