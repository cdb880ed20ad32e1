#include "http/worker_pool.hpp"

#include <chrono>

namespace volta {

WorkerPool::WorkerPool(unsigned threads, std::size_t capacity) : jobs_(capacity) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { work(); });
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
