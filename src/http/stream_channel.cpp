#include "http/stream_channel.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace volta {

void StreamChannel::send(std::string key, std::shared_ptr<const std::string> message) {
  VOLTA_ASSERT(message != nullptr);
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  if (!key.empty()) {
    const auto waiting = by_key_.find(key);
    if (waiting != by_key_.end()) {
      bytes_ -= weight(*waiting->second->message);
      queue_.erase(waiting->second);
      by_key_.erase(waiting);
      counters_->count_dropped();
    }
  }
  if (bytes_ + weight(*message) > most_bytes_) {
    close_ = CloseReason{1013, "too slow"};
    close_soon();
    return;
  }
  bytes_ += weight(*message);
  queue_.push_back({key, std::move(message)});
  if (!key.empty()) by_key_.emplace(std::move(key), std::prev(queue_.end()));
  signal();
}

void StreamChannel::close(std::uint16_t code, std::string reason) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  closed_ = true;
  close_ = CloseReason{code, std::move(reason)};
  signal();
}

void StreamChannel::close_now(std::uint16_t code, std::string reason) {
  const std::lock_guard lock(mutex_);
  if (closed_ && !close_) return;  // already on its way
  if (!closed_) close_ = CloseReason{code, std::move(reason)};
  close_soon();
}

void StreamChannel::attach(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  awake_ = false;
  if (!queue_.empty() || close_) signal();
}

void StreamChannel::detach() {
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
  closed_ = true;
  close_.reset();
  clear();
}

StreamChannel::Item StreamChannel::take() {
  const std::lock_guard lock(mutex_);
  Item item;
  if (!queue_.empty()) {
    Waiting& front = queue_.front();
    item.message = std::move(front.message);
    bytes_ -= weight(*item.message);
    if (!front.key.empty()) by_key_.erase(front.key);
    queue_.pop_front();
  } else if (close_) {
    item.close = std::move(close_);
    close_.reset();
  } else {
    awake_ = false;
  }
  return item;
}

bool StreamChannel::close_waits() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && close_.has_value();
}

std::size_t StreamChannel::weight(const std::string& message) const {
  return std::min(message.size(), most_bytes_ / 2);
}

void StreamChannel::clear() {
  queue_.clear();
  by_key_.clear();
  bytes_ = 0;
}

void StreamChannel::close_soon() {
  for (std::size_t i = 0; i < queue_.size(); ++i) counters_->count_dropped();
  clear();
  closed_ = true;
  awake_ = false;  // the connection may be stuck in a write: it must hear of this in any case
  signal();
}

void StreamChannel::signal() {
  if (awake_ || !wake_) return;
  awake_ = true;
  wake_();
}

}  // namespace volta
