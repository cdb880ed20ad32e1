// PromQL as a service. query/ evaluates it over a SeriesSource; another engine (prom/) passes it
// on.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "model/time_series.hpp"

namespace volta {

struct QueryLimits {
  std::chrono::milliseconds timeout{120'000};
  std::chrono::milliseconds lookback{300'000};
  std::size_t most_samples = 50'000'000;  // read for one query
  std::size_t most_series = 200'000;      // selected by one query
  std::size_t most_bytes = 1U << 30U;     // of intermediate and final results
  std::size_t most_points = 11'000;       // steps of a range query
};

// What is said of a range query that has more steps than this, in Prometheus' words.
std::string too_many_points(std::size_t most);

// Prometheus' errorType and the HTTP status that goes with it.
struct QueryFailure {
  enum class Kind : std::uint8_t {
    bad_data,     // 400: does not parse, wrong types, wrong range
    execution,    // 422: cannot be evaluated on this data, or beyond a limit
    timeout,      // 503
    canceled,     // 503
    unavailable,  // 503: the engine behind is away
    internal      // 500
  };
  Kind kind = Kind::execution;
  std::string text;  // for the person who asked; says how to narrow a query that is too large
};

// The same for who has no way to return it.
class QueryFailed final : public Failure {
 public:
  explicit QueryFailed(QueryFailure failure)
      : Failure(failure.text), failure_(std::move(failure)) {}
  [[nodiscard]] const QueryFailure& failure() const { return failure_; }

 private:
  QueryFailure failure_;
};

struct ScalarValue {
  std::int64_t time_ms = 0;
  double value = 0;
};
struct StringValue {
  std::int64_t time_ms = 0;
  std::string value;
};
struct VectorValue {
  struct Element {
    std::shared_ptr<const Labels> labels;  // sorted; `__name__` only where the expression keeps it
    std::int64_t time_ms = 0;
    double value = 0;
  };
  std::vector<Element> elements;
};
struct MatrixValue {
  struct Row {
    std::shared_ptr<const Labels> labels;
    std::vector<std::int64_t> times_ms;
    std::vector<double> values;
  };
  std::vector<Row> rows;  // a range query's are ordered by labels
};
using QueryValue = std::variant<ScalarValue, StringValue, VectorValue, MatrixValue>;

struct QueryAnswer {
  QueryValue value;
  std::vector<std::string> warnings;
  Tier tier = Tier::raw;  // the coarsest that was read
  std::size_t samples_read = 0;
};
using QueryOutcome = std::variant<QueryAnswer, QueryFailure>;

struct InstantQuery {
  std::string_view expression;
  std::int64_t time_ms = 0;
};
struct RangeQuery {
  std::string_view expression;
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;   // inclusive
  std::int64_t step_ms = 0;  // > 0, else bad_data
};

// Thread-safe. Never throws but for memory.
class QueryEngine {
 public:
  virtual ~QueryEngine() = default;
  // `limits.timeout` counts from the call. `cancel`, if given, is looked at now and then.
  [[nodiscard]] virtual QueryOutcome instant(const InstantQuery& query, const QueryLimits& limits,
                                             const std::atomic<bool>* cancel) const = 0;
  [[nodiscard]] virtual QueryOutcome range(const RangeQuery& query, const QueryLimits& limits,
                                           const std::atomic<bool>* cancel) const = 0;
  // The expression, printed anew in the usual layout; an Error with `line:col: parse error: ...`.
  [[nodiscard]] virtual Result<std::string> format(std::string_view expression) const = 0;
  // The matchers of a series selector (match[]), its name as a matcher of `__name__`. At least one
  // must not match the empty string, else an Error.
  [[nodiscard]] virtual Result<Matchers> selector(std::string_view text) const = 0;
};

}  // namespace volta
