// What the kernel says of the process that runs.
#pragma once

#include <cstddef>
#include <fstream>

#include <unistd.h>

namespace volta::test {

// Memory that is resident now; 0 without procfs.
inline std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace volta::test
