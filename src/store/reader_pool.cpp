#include "store/reader_pool.hpp"

namespace volta {

ReaderPool::Lease ReaderPool::take() {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, [&] { return !free_.empty() || left_to_open_ > 0; });
  if (!free_.empty()) {
    auto reader = std::move(free_.back());
    free_.pop_back();
    return {*this, std::move(reader)};
  }
  --left_to_open_;
  lock.unlock();
  try {
    return {*this, std::make_unique<Reader>(path_, cache_kib_)};
  } catch (...) {
    lock.lock();
    ++left_to_open_;
    lock.unlock();
    returned_.notify_one();
    throw;
  }
}

void ReaderPool::give_back(std::unique_ptr<Reader> reader) {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(reader));
  }
  returned_.notify_one();
}

}  // namespace volta
