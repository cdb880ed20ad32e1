#include "api/query_gate.hpp"

namespace volta {

std::variant<QueryGate::Pass, QueryGate::Refusal> QueryGate::enter(
    std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  if (running_ < most_running_) {
    ++running_;
    return Pass(*this);
  }
  if (queue_.size() >= most_waiting_) return Refusal::full;
  Waiter waiter;
  const auto place = queue_.insert(queue_.end(), &waiter);
  // Who leaves hands his place over, so that nobody who comes meanwhile can take it.
  if (waiter.called.wait_for(lock, patience, [&] { return waiter.entered; })) return Pass(*this);
  queue_.erase(place);
  return Refusal::late;
}

void QueryGate::leave() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) {
    --running_;
    return;
  }
  Waiter& next = *queue_.front();
  queue_.pop_front();
  next.entered = true;
  next.called.notify_one();  // under the lock: the waiter is gone as soon as it has seen `entered`
}

std::size_t QueryGate::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

std::size_t QueryGate::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

}  // namespace volta
