#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace volta {

void assertion_failed(std::string_view condition, const char* file, int line,
                      std::string_view values) {
  std::fprintf(stderr, "volta: %s:%d: assertion failed: %.*s %.*s\n", file, line,
               static_cast<int>(condition.size()), condition.data(),
               static_cast<int>(values.size()), values.data());
  std::abort();
}

}  // namespace volta
