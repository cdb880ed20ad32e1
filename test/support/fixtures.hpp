// Where the recorded hosts, stores and answers stand.
#pragma once

#include <filesystem>

namespace volta::test {

// test/fixtures of the checkout that the tests were built from. A function, and in one source
// alone, so that no other object depends on where the checkout stands: a compiler cache serves them
// all.
std::filesystem::path fixtures();

}  // namespace volta::test
