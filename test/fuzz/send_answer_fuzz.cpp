// Any bytes as the headers of a receiver's answer to remote write, and as what a sender kept: waits
// stay within their bounds, and what is read back writes the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "prom/sender_policy.hpp"
#include "prom/sender_state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string text(reinterpret_cast<const char*>(data), size);
  volta::OutboundResponse response;
  response.status = size == 0 ? 0 : 100 + data[0] * 2;
  response.headers = {{"retry-after", text}, {"x-prometheus-remote-write-samples-written", text}};
  const auto wait = volta::retry_after(response, 1'700'000'000'000);
  VOLTA_ASSERT(!wait || (wait->count() >= 0 && wait->count() <= 600'000));
  (void)volta::samples_written(response);
  for (const auto version : {volta::WriteVersion::v1, volta::WriteVersion::v2}) {
    const auto verdict = volta::judge_write_answer(response, version, false);
    VOLTA_ASSERT(version == volta::WriteVersion::v2 || verdict != volta::SendVerdict::as_version_1);
  }
  if (const auto state = volta::parse_sender_state(text)) {
    const auto again = volta::parse_sender_state(volta::to_text(*state));
    VOLTA_ASSERT(again && volta::to_text(*again) == volta::to_text(*state));
  }
  return 0;
}
