// Threads for what may block (the store, password hashes), so that the network's loop never does.
#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "base/bounded_queue.hpp"

namespace volta {

class WorkerPool {
 public:
  // `capacity`: jobs waiting; when full, try_run refuses.
  WorkerPool(unsigned threads, std::size_t capacity);
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // From any thread. False when full or stopped; the job is then not run. A job must not throw.
  bool try_run(std::function<void()> job);
  // Runs what is queued and joins. One thread; again: nothing.
  void stop();

 private:
  void work();

  BoundedQueue<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
};

}  // namespace volta
