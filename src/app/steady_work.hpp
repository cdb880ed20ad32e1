// Something that is done again and again beside everything else, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace volta {

class SteadyWork {
 public:
  // `work` must not throw. It begins at once, and again after each pause.
  SteadyWork(std::chrono::milliseconds pause, std::function<void()> work);
  ~SteadyWork() { stop(); }
  SteadyWork(const SteadyWork&) = delete;
  SteadyWork& operator=(const SteadyWork&) = delete;

  // Waits for the work that is being done. Again: nothing.
  void stop();

 private:
  void run();

  const std::chrono::milliseconds pause_;
  const std::function<void()> work_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // behind mutex_
  std::thread thread_;     // last: it uses all of it
};

}  // namespace volta
