// The seed of a random test: VOLTA_TEST_SEED where it is set, so that a failure can be had again.
#pragma once

#include <cstdlib>
#include <iostream>
#include <random>

#include <catch2/catch.hpp>

namespace volta::test {

// Printed with the name of the case, since one that is killed cannot show what it captured.
inline unsigned random_seed() {
  const char* given = std::getenv("VOLTA_TEST_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                                         : std::random_device{}();
  std::cout << Catch::getResultCapture().getCurrentTestName() << ": seed " << seed << std::endl;
  return seed;
}

}  // namespace volta::test
