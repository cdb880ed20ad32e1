// Reads the parameters of Prometheus' HTTP API: of the URL and of a form in the body together, some
// of them repeated. Texts of refusals are Prometheus' own, which its clients show to people.
// Unknown parameters are nobody's business: Grafana adds some.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/reply.hpp"
#include "base/result.hpp"
#include "model/http.hpp"
#include "model/query_string.hpp"
#include "model/time_series.hpp"

namespace volta {

// What may be asked for: years 1 to 9999. What lies outside is taken as the end it is beyond, since
// clients say "from the beginning" with times that no calendar has.
constexpr TimeSpan kAllTime{-62'135'596'800'000, 253'402'300'799'999};

// RFC 3339, or unix seconds with a fraction.
Result<std::int64_t> parse_prometheus_time(std::string_view text);

// Seconds with a fraction, or "1h30m"; milliseconds. May be zero or negative.
Result<std::int64_t> parse_prometheus_duration(std::string_view text);

// The label that a path names: `U__` begins an escaped one (`_2e_` is the character of that number,
// `__` an underscore). Empty: it is not a name that a label can have.
std::optional<std::string> label_of_path(std::string_view text);

class PrometheusParameters {
 public:
  // Refuses broken escapes, what is not UTF-8, more than 1024 pairs, and a body that is no form.
  static std::variant<PrometheusParameters, Declined> of(const HttpRequest& request);

  // Of several the first, and those of the body come first; "" if absent.
  [[nodiscard]] std::string_view text(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const;

  std::int64_t time(std::string_view name, std::int64_t otherwise);
  std::int64_t required_time(std::string_view name);
  // start and end, all time by default.
  TimeSpan span();
  std::int64_t required_duration(std::string_view name);
  std::optional<std::int64_t> duration(std::string_view name);
  // 0: absent, zero or negative, all of which mean no limit.
  std::size_t limit(std::string_view name);

  // Of several refusals the first stays.
  void wrong(std::string_view name, std::string_view detail);
  [[nodiscard]] const std::optional<Declined>& declined() const { return declined_; }

 private:
  explicit PrometheusParameters(QueryPairs pairs) : pairs_(std::move(pairs)) {}
  void refuse(Declined declined);

  QueryPairs pairs_;
  std::optional<Declined> declined_;
};

}  // namespace volta
