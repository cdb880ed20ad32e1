// Any bytes as a remote read request: what is accepted has matchers that can be asked.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "prom/remote_read.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const auto queries = volta::decode_read_request(message, {});
  if (!queries) {
    VOLTA_ASSERT(!queries.error().text.empty());
    return 0;
  }
  for (const auto& query : *queries) {
    VOLTA_ASSERT(!query.matchers.empty());
    for (const auto& matcher : query.matchers) {
      const bool equal = matcher.op() == volta::MatchOp::equal;
      VOLTA_ASSERT(!matcher.name().empty() && (!equal || matcher.matches(matcher.value())));
    }
  }
  return 0;
}
