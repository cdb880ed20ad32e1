// Threads that all queries share, so that a large one uses the cores that nobody else does. They
// are a help, never a need: a query goes on by itself where none is idle.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace volta::promql {

// Thread-safe. Outlives what runs on it. Helpers start with the first work that wants
// them.
class Helpers {
 public:
  // `cores`: no more threads than these work on queries at once, those that ask among them; one or
  // none: there are no helpers.
  explicit Helpers(unsigned cores) : cores_(cores) {}
  ~Helpers();
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  // Counts its thread as one that works, for as long as it lives.
  class Asking {
   public:
    explicit Asking(Helpers& helpers) : helpers_(helpers) { ++helpers_.working_; }
    ~Asking() { --helpers_.working_; }
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;

   private:
    Helpers& helpers_;
  };

  // How many could help at this moment.
  [[nodiscard]] std::size_t idle() const {
    const std::size_t working = working_;
    return working < cores_ ? cores_ - working : 0;
  }

  // Calls work(0), ..., work(parts - 1), each once, on this thread and on helpers; back when all
  // have returned. After one throws no other is begun, and what the first one threw is thrown
  // again. Parts must not call run() themselves.
  void run(std::size_t parts, const std::function<void(std::size_t)>& work);

 private:
  struct Job;

  void help();
  void start_helpers();  // under the mutex
  // The next part of the job is done here; false: all are taken.
  static bool do_part(Job& job, std::unique_lock<std::mutex>& lock);

  const std::size_t cores_;
  std::atomic<std::size_t> working_{0};
  std::mutex mutex_;  // for those below, and what changes in a Job
  std::condition_variable wanted_;
  std::list<Job*> jobs_;  // with parts that nobody has taken
  std::vector<std::thread> threads_;
  bool stopping_ = false;
};

}  // namespace volta::promql
