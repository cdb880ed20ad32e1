// A counter of the kernel that should only rise but does not always: iowait and idle go back a
// little on tickless kernels, and by a lot when a core was away.
#pragma once

#include <cstdint>

namespace volta {

class Rising {
 public:
  // What to show for what the kernel shows: never less than before. A small step back waits until
  // the kernel has caught up; a large one means that it counts anew, and what it counts is added.
  std::uint64_t show(std::uint64_t raw) {
    const std::uint64_t value = raw + added_;
    if (value >= shown_) {
      shown_ = value;
    } else if (shown_ - value > kLargeStep) {
      added_ = shown_ - raw;
    }
    return shown_;
  }

 private:
  static constexpr std::uint64_t kLargeStep = 6000;  // a minute of 1/100 s
  std::uint64_t shown_ = 0;
  std::uint64_t added_ = 0;
};

}  // namespace volta
