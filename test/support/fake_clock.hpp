// A clock that tests set: it can stand, advance, jump and suspend.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace volta::test {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::int64_t wall_ms = 1'795'226'940'000) : wall_ms_(wall_ms) {}

  [[nodiscard]] std::int64_t wall_ms() const override { return wall_ms_; }
  [[nodiscard]] std::chrono::nanoseconds boottime() const override {
    return std::chrono::nanoseconds(boottime_ns_.load());
  }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override {
    return std::chrono::nanoseconds(monotonic_ns_.load());
  }

  void advance(std::chrono::milliseconds by) {
    wall_ms_ += by.count();
    boottime_ns_ += std::chrono::nanoseconds(by).count();
    monotonic_ns_ += std::chrono::nanoseconds(by).count();
  }
  void suspend(std::chrono::milliseconds by) {
    wall_ms_ += by.count();
    boottime_ns_ += std::chrono::nanoseconds(by).count();
  }
  void set_wall_ms(std::int64_t wall_ms) { wall_ms_ = wall_ms; }

 private:
  std::atomic<std::int64_t> wall_ms_;
  std::atomic<std::int64_t> boottime_ns_{1'000'000'000'000};
  std::atomic<std::int64_t> monotonic_ns_{900'000'000'000};
};

}  // namespace volta::test
