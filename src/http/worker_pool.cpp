#include "http/worker_pool.hpp"

#include <chrono>
#include <string>
#include <system_error>

#include "base/error.hpp"

namespace volta {

WorkerPool::WorkerPool(unsigned threads, std::size_t capacity) : jobs_(capacity) {
  try {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& failure) {
    stop();  // those that run already: a thread that nobody joins ends the process
    throw SystemFailure("start", std::to_string(threads) + " threads that answer requests",
                        failure.code().value());
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
