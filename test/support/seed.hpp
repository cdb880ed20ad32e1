// The seed of a random test: VOLTA_TEST_SEED where it is set, so that a failure can be had again.
#pragma once

#include <cstdlib>
#include <iostream>
#include <random>

namespace volta::test {

// Printed, since a case that is killed has no chance to show what it captured.
inline unsigned random_seed(const char* test) {
  const char* given = std::getenv("VOLTA_TEST_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                                         : std::random_device{}();
  std::cout << test << ": seed " << seed << std::endl;
  return seed;
}

}  // namespace volta::test
