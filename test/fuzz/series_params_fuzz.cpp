// The query of GET /api/v1/series.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/parameters.hpp"
#include "base/assert.hpp"
#include "model/query_string.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto query = volta::parse_query({reinterpret_cast<const char*>(data), size});
  if (!query) return 0;
  const auto parsed = volta::parse_series_request(*query, 1'795'226'940'000);
  if (const auto* request = std::get_if<volta::SeriesRequest>(&parsed)) {
    const volta::RangeQuestion& question = request->question;
    VOLTA_ASSERT(question.step_ms > 0 && question.start_ms >= 0);
    VOLTA_ASSERT(question.start_ms <= question.end_ms);
    const auto points =
        question.end_ms / question.step_ms - question.start_ms / question.step_ms + 1;
    VOLTA_ASSERT(points <= volta::kMostPoints);
  } else {
    VOLTA_ASSERT(!std::get<volta::Declined>(parsed).problem.errors.empty());
  }
  return 0;
}
