#include "base/clock.hpp"

#include <ctime>

namespace volta {
namespace {

std::chrono::nanoseconds read_clock(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);  // cannot fail for these ids
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override {
    return std::chrono::floor<std::chrono::milliseconds>(read_clock(CLOCK_REALTIME)).count();
  }
  [[nodiscard]] std::chrono::nanoseconds boottime() const override {
    return read_clock(CLOCK_BOOTTIME);
  }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override {
    return read_clock(CLOCK_MONOTONIC);
  }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace volta
