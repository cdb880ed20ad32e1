// A thread for reads that may take long or hang for ever (a network mount whose server is gone, a
// sensor behind a firmware call), so that the collectors' thread never waits for them.
//
// A thread that is stuck inside the kernel cannot be ended from outside. The lane therefore leaves
// it behind: it starts another worker for the tasks that wait, and the stuck one ends by itself if
// its call ever returns. Threads are created detached for that reason, and everything they touch is
// owned together with them. At most kMostAbandoned are ever left behind at one time; after that the
// lane stands still until one of them comes back.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"

namespace volta {

// Work that may hang. Kept alive by the lane while it runs; publishes its result itself, behind its
// own lock.
class SlowTask {
 public:
  virtual ~SlowTask() = default;
  virtual void run() noexcept = 0;
};

// Used by one thread (the collectors'); its workers are its own.
class SlowLane {
 public:
  static constexpr std::size_t kMostAbandoned = 4;
  static constexpr std::size_t kMostQueued = 1024;

  // A task that runs for longer than `patience` counts as stuck. `clock` must outlive the lane.
  SlowLane(const Clock& clock, std::chrono::nanoseconds patience);
  SlowLane(const SlowLane&) = delete;
  SlowLane& operator=(const SlowLane&) = delete;
  // Does not wait for a task that runs.
  ~SlowLane();

  // Queues the task unless it is queued, running or stuck. False if so, or if the queue is full.
  bool submit(const std::shared_ptr<SlowTask>& task);
  // Leaves a worker behind that has been in one task for longer than the patience, and goes on with
  // the others. Called once per period.
  void watch();
  // Whether the task hangs: it exceeded the patience and has not come back since.
  [[nodiscard]] bool stuck(const SlowTask& task) const;
  // Waits until all is done, at most so long (real time). True if it is.
  bool wait_idle(std::chrono::milliseconds longest);
  [[nodiscard]] std::size_t abandoned() const;

 private:
  struct State;
  static void* work(void* argument);
  void start_worker();

  std::shared_ptr<State> state_;
};

}  // namespace volta
