// How long to wait before the next attempt: uniform in [0, bound] ("full jitter"), the bound
// doubling from 2 s to 60 s, so that a thousand agents do not come back in one moment.
#pragma once

#include <algorithm>
#include <chrono>

namespace volta {

class Backoff {
 public:
  static constexpr std::chrono::milliseconds kFirstBound{2'000};
  static constexpr std::chrono::milliseconds kLastBound{60'000};

  // `random`: uniform in [0, 1). `hint`: what the server asked for; never less than that.
  std::chrono::milliseconds next(double random, std::chrono::milliseconds hint) {
    const auto jitter = std::chrono::milliseconds(
        static_cast<std::chrono::milliseconds::rep>(random * static_cast<double>(bound_.count())));
    bound_ = std::min(2 * bound_, kLastBound);
    return std::clamp(hint, std::chrono::milliseconds(0), kLongestHint) + jitter;
  }
  void reset() { bound_ = kFirstBound; }
  // For what only a person can mend.
  void slow() { bound_ = kLastBound; }

 private:
  static constexpr std::chrono::milliseconds kLongestHint{600'000};
  std::chrono::milliseconds bound_ = kFirstBound;
};

}  // namespace volta
