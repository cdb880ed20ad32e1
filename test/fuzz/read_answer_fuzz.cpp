// Any bytes as the answer of a remote read: what is accepted has as many results as were asked for,
// of series whose samples rise in time.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "prom/read_client.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t queries = data[0] % 4;
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto results = volta::decode_read_response(message, queries);
  if (!results) {
    VOLTA_ASSERT(!results.error().text.empty());
    return 0;
  }
  VOLTA_ASSERT(results->size() == queries);
  for (const auto& series_of_query : *results) {
    for (const auto& series : series_of_query) {
      VOLTA_ASSERT(!series.labels->empty() && series.times_ms.size() == series.values.size());
      for (std::size_t i = 1; i < series.times_ms.size(); ++i)
        VOLTA_ASSERT(series.times_ms[i - 1] < series.times_ms[i]);
    }
  }
  return 0;
}
