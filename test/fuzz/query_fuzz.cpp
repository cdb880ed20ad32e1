// Any bytes as a query string: what is accepted keeps the promises of parse_query.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "model/query_string.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parameters = volta::parse_query(text);
  if (!parameters) {
    VOLTA_ASSERT(!parameters.error().text.empty());
    return 0;
  }
  VOLTA_ASSERT(parameters->items.size() <= volta::kMostQueryPairs);
  for (const auto& [key, value] : parameters->items) {
    VOLTA_ASSERT(!key.empty() && key.find('\0') == std::string::npos);
    VOLTA_ASSERT(parameters->get(key) == std::string_view(value));
  }
  return 0;
}
