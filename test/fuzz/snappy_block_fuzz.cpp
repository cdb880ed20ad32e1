// Any bytes as a snappy block: nothing larger than allowed comes out, and what was compressed
// comes back.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "prom/snappy_block.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMost = 1U << 20U;
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto out = volta::snappy_uncompress(bytes, kMost);
  if (out) {
    VOLTA_ASSERT(out->size() <= kMost && out->size() == volta::snappy_declared_size(bytes));
  } else {
    VOLTA_ASSERT(!out.error().text.empty());
  }
  const auto back = volta::snappy_uncompress(volta::snappy_compress(bytes), size);
  VOLTA_ASSERT(back.has_value() && *back == bytes);
  return 0;
}
