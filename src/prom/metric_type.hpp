// The types of metrics in Prometheus' words, and their numbers in remote write (both versions).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace volta {

constexpr std::array<std::string_view, 8> kMetricTypes = {
    "unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"};

// "unknown" for numbers that have no type.
constexpr std::string_view metric_type_word(std::uint64_t number) {
  return number < kMetricTypes.size() ? kMetricTypes[number] : kMetricTypes[0];
}

// 0 for words that are no type.
constexpr std::uint64_t metric_type_number(std::string_view word) {
  for (std::size_t i = 1; i < kMetricTypes.size(); ++i) {
    if (kMetricTypes[i] == word) return i;
  }
  return 0;
}

}  // namespace volta
