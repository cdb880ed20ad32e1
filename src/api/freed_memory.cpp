#include "api/freed_memory.hpp"

#include <algorithm>
#include <fstream>
#include <mutex>

#include <malloc.h>
#include <unistd.h>

namespace volta {
namespace {

// In memory and in no file; 0: the kernel does not say.
std::size_t anonymous_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0, resident = 0, shared = 0;  // in pages
  if (!(statm >> size >> resident >> shared)) return 0;
  return (resident - std::min(shared, resident)) *
         static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void give_back_freed_memory(std::size_t most_kept) {
  // One at a time: where a sanitizer has taken malloc's place, the first of these calls sets up
  // glibc's, which two threads at once do twice, and the second of them to end then aborts.
  static std::mutex giving;
  const std::lock_guard lock(giving);
  const struct mallinfo2 now = mallinfo2();  // NOLINT(concurrency-mt-unsafe): glibc locks arenas
  // What was given back before is still counted as free, but it is not there any more.
  if (anonymous_bytes() > now.uordblks + now.hblkhd + most_kept) malloc_trim(0);
}

}  // namespace volta
