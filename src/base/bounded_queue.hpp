// A queue between two threads that is never longer than it says. What happens when it is full is
// the caller's choice at each push, so that every queue's policy stands where the queue is used.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace volta {

// Safe from any thread.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  // False when full or closed; the value is then left untouched.
  bool try_push(T& value) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || items_.size() >= capacity_) return false;
      items_.push_back(std::move(value));
    }
    filled_.notify_one();
    return true;
  }

  // Makes room by dropping the oldest. Returns how many were dropped (0 or 1); 1 too if closed.
  std::size_t push_dropping_oldest(T value) {
    std::size_t dropped = 0;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return 1;
      if (items_.size() >= capacity_) {
        items_.pop_front();
        dropped = 1;
      }
      items_.push_back(std::move(value));
    }
    filled_.notify_one();
    return dropped;
  }

  // Waits for room. False when closed.
  bool push(T value) {
    {
      std::unique_lock lock(mutex_);
      drained_.wait(lock, [&] { return closed_ || items_.size() < capacity_; });
      if (closed_) return false;
      items_.push_back(std::move(value));
    }
    filled_.notify_one();
    return true;
  }

  // Waits at most `patience` for an item. Empty on time-out, or once closed and drained.
  std::optional<T> pop(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, patience, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    lock.unlock();
    drained_.notify_one();
    return item;
  }

  // Takes all that is there, at most `most`, without waiting.
  std::vector<T> take(std::size_t most) {
    std::vector<T> taken;
    {
      const std::lock_guard lock(mutex_);
      while (!items_.empty() && taken.size() < most) {
        taken.push_back(std::move(items_.front()));
        items_.pop_front();
      }
    }
    drained_.notify_all();
    return taken;
  }

  // Refuses what comes from now on; what is inside can still be taken.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    filled_.notify_all();
    drained_.notify_all();
  }

  [[nodiscard]] bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable drained_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace volta
