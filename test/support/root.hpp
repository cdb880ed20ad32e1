// For tests that depend on who runs them.
#pragma once

#include <string>

#include <catch2/catch.hpp>
#include <unistd.h>

namespace volta::test {

inline bool is_root() { return ::geteuid() == 0; }

// Says why the test case is skipped, and then is true.
inline bool skipped_if(bool condition, const std::string& reason) {
  if (condition) WARN("SKIPPED: " << reason);
  return condition;
}

}  // namespace volta::test
