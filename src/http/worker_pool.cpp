#include "http/worker_pool.hpp"

#include <chrono>

#include "base/threads.hpp"

namespace volta {

WorkerPool::WorkerPool(unsigned threads, std::size_t capacity) : jobs_(capacity) {
  try {
    for (unsigned i = 0; i < threads; ++i) {
      threads_.push_back(start_thread("answer requests", [this] { work(); }));
    }
  } catch (...) {
    stop();  // those that run already: a thread that nobody joins ends the process
    throw;
  }
}

void WorkerPool::work() {
  while (true) {
    if (auto job = jobs_.pop(std::chrono::hours(1))) {
      (*job)();
    } else if (jobs_.closed()) {
      return;
    }
  }
}

bool WorkerPool::try_run(std::function<void()> job) { return jobs_.try_push(job); }

void WorkerPool::stop() {
  jobs_.close();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace volta
