#include "app/steady_work.hpp"

#include "base/threads.hpp"

namespace volta {

SteadyWork::SteadyWork(std::chrono::milliseconds pause, std::function<void()> work)
    : pause_(pause),
      work_(std::move(work)),
      thread_(start_thread("watch what servers share", [this] { run(); })) {}

void SteadyWork::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SteadyWork::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    work_();
    lock.lock();
    wake_.wait_for(lock, pause_, [this] { return stopping_; });
  }
}

}  // namespace volta
