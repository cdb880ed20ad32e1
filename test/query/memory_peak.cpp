#include "query/memory_peak.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace volta::test {
namespace {

std::atomic<std::size_t> heap_bytes{0};  // NOLINT: the allocator has nobody to ask
std::atomic<std::size_t> heap_peak{0};   // NOLINT

}  // namespace

MemoryPeak::MemoryPeak() : before_(heap_bytes) { heap_peak = before_; }

std::size_t MemoryPeak::bytes() const { return heap_peak - before_; }

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {

void* counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t now = heap_bytes += ::malloc_usable_size(memory);
  std::size_t peak = heap_peak;
  while (now > peak && !heap_peak.compare_exchange_weak(peak, now)) {
  }
  return memory;
}

void uncounted(void* memory) noexcept {
  if (memory == nullptr) return;
  heap_bytes -= ::malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace
#endif

}  // namespace volta::test

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void* operator new(std::size_t size) { return volta::test::counted(std::malloc(size)); }
void* operator new(std::size_t size, std::align_val_t align) {
  const auto to = static_cast<std::size_t>(align);
  return volta::test::counted(std::aligned_alloc(to, (size + to - 1) / to * to));
}
void operator delete(void* memory) noexcept { volta::test::uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { volta::test::uncounted(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { volta::test::uncounted(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  volta::test::uncounted(memory);
}
#endif
