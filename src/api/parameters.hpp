// Reads the query parameters of one request. Wrong ones are collected, so that one refusal names
// them all; what a wrong or absent one answers is its default.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/reply.hpp"
#include "base/result.hpp"
#include "model/http.hpp"
#include "model/query.hpp"

namespace volta {

// RFC 3339, unix seconds (a fraction may follow) or milliseconds (from 1e11 on), "now",
// "now-1h30m". 1970 to 9999.
Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms);

// A duration ("10s"), or a number of seconds; at least 1 ms, at most 10 years.
Result<std::int64_t> parse_step(std::string_view text);

class ParameterReader {
 public:
  ParameterReader(const QueryParameters& query, std::int64_t now_ms)
      : query_(&query), now_ms_(now_ms) {}

  // Empty counts as absent.
  std::string required_text(std::string_view name);
  [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = "") const;
  std::int64_t time(std::string_view name, std::int64_t otherwise);
  std::int64_t integer(std::string_view name, std::int64_t otherwise, std::int64_t least,
                       std::int64_t most);
  // "1" or "true", "0" or "false".
  bool flag(std::string_view name);

  [[nodiscard]] bool has(std::string_view name) const { return query_->get(name).has_value(); }
  void wrong(std::string_view name, std::string detail);
  // The refusal, if anything was wrong.
  [[nodiscard]] const std::optional<Declined>& declined() const { return declined_; }

 private:
  const QueryParameters* query_;
  std::int64_t now_ms_;
  std::optional<Declined> declined_;
};

// What GET /api/v1/series asks; the question still lacks its host's number.
struct SeriesRequest {
  std::string host;
  RangeQuestion question;
};
std::variant<SeriesRequest, Declined> parse_series_request(const QueryParameters& query,
                                                           std::int64_t now_ms);

// The least of 1 s, 2 s, 5 s ... 1 year with which start..end (both inclusive) has at most
// `most_points` (>= 2) multiples of it; where even a year is too fine, the whole span.
std::int64_t step_for(std::int64_t start_ms, std::int64_t end_ms, std::int64_t most_points);

constexpr auto kMostPoints = static_cast<std::int64_t>(QueryLimits{}.most_points);

}  // namespace volta
