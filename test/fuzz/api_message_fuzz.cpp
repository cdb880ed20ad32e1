// What a WebSocket client says.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/live_message.hpp"
#include "base/assert.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = volta::parse_client_message({reinterpret_cast<const char*>(data), size});
  if (const auto* wish = std::get_if<volta::Subscribe>(&message)) {
    VOLTA_ASSERT(!wish->id.empty() && wish->id.size() <= volta::kLongestSubscriptionId);
    VOLTA_ASSERT(!wish->host.empty());
    VOLTA_ASSERT(volta::names_problem(wish->names).empty());
    VOLTA_ASSERT(wish->interval_ms >= volta::kShortestIntervalMs &&
                 wish->interval_ms <= volta::kLongestIntervalMs);
  } else if (const auto* bad = std::get_if<volta::BadMessage>(&message)) {
    VOLTA_ASSERT(!bad->problem.detail.empty());
  }
  return 0;
}
