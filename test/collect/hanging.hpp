// Something to hang in: a call that waits until the test lets it go.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace volta::test {

class Gate {
 public:
  // Waits until open() has been called, now or earlier.
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  // Until one more than before is inside.
  void wait_for_arrival() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ > seen_; });
    ++seen_;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // Yields until `done`; ctest's time limit ends one that never is.
  static void wait_until(const std::function<bool()>& done) {
    while (!done()) std::this_thread::yield();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  int seen_ = 0;
  bool open_ = false;
};

}  // namespace volta::test
