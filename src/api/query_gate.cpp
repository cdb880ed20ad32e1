#include "api/query_gate.hpp"

namespace volta {

std::variant<QueryGate::Pass, QueryGate::Refusal> QueryGate::enter(
    std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  // Who comes while others wait may wait as well; which of them goes next is left to chance.
  if (running_ >= most_running_ || waiting_ > 0) {
    if (waiting_ >= most_waiting_) return Refusal::full;
    ++waiting_;
    const bool free = freed_.wait_for(lock, patience, [this] { return running_ < most_running_; });
    --waiting_;
    if (!free) return Refusal::late;
  }
  ++running_;
  // Somebody may have joined the queue after the place was freed that he waits for.
  if (running_ < most_running_ && waiting_ > 0) freed_.notify_one();
  return Pass(*this);
}

void QueryGate::leave() {
  {
    const std::lock_guard lock(mutex_);
    --running_;
  }
  freed_.notify_one();
}

std::size_t QueryGate::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

std::size_t QueryGate::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace volta
