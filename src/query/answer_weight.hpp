// What an answer weighs: what it holds, and the text that is made of it while it is still there.
#pragma once

#include <cstddef>

#include "base/json_writer.hpp"
#include "query/series_matrix.hpp"

namespace volta::promql {

// A time and a value: two columns, and at most 48 bytes as JSON
// ([-999999999999.999,"-1.79...e+308"],).
inline constexpr std::size_t kBytesPerPoint = 16 + 48;

// A series without its points.
inline std::size_t weight_of_labels(const Labels& labels) {
  constexpr std::size_t kBytesPerSeries = 128;
  std::size_t bytes = kBytesPerSeries;
  for (const auto& [name, value] : labels) {
    bytes += json_string_bytes(name) + json_string_bytes(value) + 2;
  }
  return bytes;
}

}  // namespace volta::promql
