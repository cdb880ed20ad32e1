#include "query/helpers.hpp"

#include <algorithm>
#include <exception>

#include "base/error.hpp"
#include "base/threads.hpp"

namespace volta::promql {

// Lives on the stack of the thread that asked.
struct Helpers::Job {
  const std::function<void(std::size_t)>& work;
  const std::size_t parts;
  std::size_t next = 0;
  std::size_t unfinished;
  std::condition_variable finished;
  std::exception_ptr failure;  // the first

  Job(const std::function<void(std::size_t)>& todo, std::size_t count)
      : work(todo), parts(count), unfinished(count) {}
};

Helpers::~Helpers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool Helpers::do_part(Job& job, std::unique_lock<std::mutex>& lock) {
  if (job.next == job.parts) return false;
  const std::size_t part = job.next++;
  lock.unlock();
  std::exception_ptr failure;
  try {
    job.work(part);
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  if (failure && !job.failure) {
    job.failure = std::move(failure);
    job.unfinished -= job.parts - job.next;  // those that nobody took are not begun
    job.next = job.parts;
  }
  // Under the lock: the job is gone as soon as its owner has seen the last part finished.
  if (--job.unfinished == 0) job.finished.notify_one();
  return true;
}

void Helpers::start_helpers() {
  try {
    while (threads_.size() + 1 < cores_) {
      threads_.push_back(start_thread("help queries", [this] { help(); }));
    }
  } catch (const SystemFailure&) {
    // The system has no more threads: those that there are will do, or none.
  }
}

void Helpers::run(std::size_t parts, const std::function<void(std::size_t)>& work) {
  if (parts < 2 || cores_ < 2) {
    for (std::size_t part = 0; part < parts; ++part) work(part);
    return;
  }
  Job job(work, parts);
  std::unique_lock lock(mutex_);
  start_helpers();
  const auto place = jobs_.insert(jobs_.end(), &job);
  wanted_.notify_all();
  while (do_part(job, lock)) {
  }
  jobs_.erase(place);
  job.finished.wait(lock, [&] { return job.unfinished == 0; });
  lock.unlock();
  if (job.failure) std::rethrow_exception(job.failure);
}

void Helpers::help() {
  std::unique_lock lock(mutex_);
  const auto wanted = [this] {
    if (stopping_) return true;
    if (working_ >= cores_) return false;
    return std::any_of(jobs_.begin(), jobs_.end(),
                       [](const Job* job) { return job->next < job->parts; });
  };
  while (true) {
    wanted_.wait(lock, wanted);
    if (stopping_) return;
    const auto found = std::find_if(jobs_.begin(), jobs_.end(),
                                    [](const Job* job) { return job->next < job->parts; });
    const Asking asking(*this);
    do_part(**found, lock);
  }
}

}  // namespace volta::promql
