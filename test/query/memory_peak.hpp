// How much the process' heap held at most, counted by the allocator itself. Where a sanitizer has
// the allocator nothing is counted, and every peak is 0.
#pragma once

#include <cstddef>

namespace volta::test {

// One at a time.
class MemoryPeak {
 public:
  MemoryPeak();
  // Beyond what was there at the beginning.
  [[nodiscard]] std::size_t bytes() const;

 private:
  std::size_t before_;
};

}  // namespace volta::test
