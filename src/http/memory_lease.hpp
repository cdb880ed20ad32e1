// A share of the memory that all connections together may take for one purpose.
#pragma once

#include <atomic>
#include <cstddef>

namespace volta {

// One thread at a time; the counter is everybody's. Gives back at its end.
class MemoryLease {
 public:
  MemoryLease() = default;
  MemoryLease(const MemoryLease&) = delete;
  MemoryLease& operator=(const MemoryLease&) = delete;
  ~MemoryLease() { release(); }

  // From now on `bytes` of `used`, or more if more was held before. False: all together would hold
  // more than `most`; then nothing has changed. `used` is the same in every call, and outlives it.
  bool hold(std::atomic<std::size_t>& used, std::size_t bytes, std::size_t most) {
    if (bytes <= bytes_) return true;
    const std::size_t more = bytes - bytes_;
    if (used.fetch_add(more) + more > most) {
      used -= more;
      return false;
    }
    used_ = &used;
    bytes_ = bytes;
    return true;
  }
  void release() {
    if (used_ != nullptr) *used_ -= bytes_;
    used_ = nullptr;
    bytes_ = 0;
  }

 private:
  std::atomic<std::size_t>* used_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace volta
