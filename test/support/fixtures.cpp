#include "support/fixtures.hpp"

namespace volta::test {

std::filesystem::path fixtures() { return VOLTA_TEST_FIXTURES; }

}  // namespace volta::test
