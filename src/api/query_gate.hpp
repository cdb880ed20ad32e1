// How many requests of one kind run at once. The rest waits in a short queue, is let in in the
// order in which it came, and what finds that full is sent away at once: a clear 503 now is kinder
// than an answer that comes when nobody waits for it any more, and what does not run takes no
// memory.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>
#include <utility>
#include <variant>

namespace volta {

// Thread-safe. Outlives its passes.
class QueryGate {
 public:
  QueryGate(std::size_t most_running, std::size_t most_waiting)
      : most_running_(most_running), most_waiting_(most_waiting) {}
  QueryGate(const QueryGate&) = delete;
  QueryGate& operator=(const QueryGate&) = delete;

  // A place; given back when destroyed.
  class Pass {
   public:
    explicit Pass(QueryGate& gate) : gate_(&gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    QueryGate* gate_;
  };
  enum class Refusal { full, late };  // the queue is; nothing became free within `patience`

  // Blocks until there is a place, `patience` at most.
  std::variant<Pass, Refusal> enter(std::chrono::milliseconds patience);

  [[nodiscard]] std::size_t running() const;
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::size_t most_running() const { return most_running_; }

 private:
  // One that waits. On its own thread's stack while it is in the queue.
  struct Waiter {
    std::condition_variable called;
    bool entered = false;
  };

  void leave();

  const std::size_t most_running_;
  const std::size_t most_waiting_;
  mutable std::mutex mutex_;  // for those below
  std::size_t running_ = 0;
  std::list<Waiter*> queue_;  // only while all places are taken; who came first is in front
};

}  // namespace volta
