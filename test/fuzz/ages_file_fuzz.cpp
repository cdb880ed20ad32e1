// Any bytes as volta.ages: what is accepted is written and read back as the same.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "store/ages_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto ages = volta::parse_ages_file(text);
  if (!ages) {
    VOLTA_ASSERT(!ages.error().text.empty());
    return 0;
  }
  if (!*ages) return 0;
  const std::string written = volta::text_of(**ages);
  VOLTA_ASSERT(written.size() == volta::kAgesFileBytes);
  const auto again = volta::parse_ages_file(written);
  VOLTA_ASSERT(again && *again == *ages);
  return 0;
}
