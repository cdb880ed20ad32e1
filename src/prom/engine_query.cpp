#include "prom/engine_query.hpp"

#include <algorithm>
#include <cmath>

#include <boost/json.hpp>

#include "prom/prometheus_json.hpp"
#include "prom/series_scanner.hpp"

namespace volta {
namespace {

namespace json = boost::json;

// Beside the query's own time: for the engine to notice that it is over, and to say so.
constexpr std::chrono::seconds kAnswerTime{2};
constexpr std::chrono::milliseconds kDefaultLookback{300'000};
// Farthest from 1970 that a double holds to the millisecond.
constexpr double kFarthestSeconds = 9.0e12;

const json::value* member(const json::value& object, std::string_view key) {
  return object.is_object() ? object.get_object().if_contains(key) : nullptr;
}

std::optional<std::int64_t> time_of(const json::value& value) {
  boost::system::error_code failed;
  const auto seconds = value.to_number<double>(failed);
  if (failed || !(std::abs(seconds) < kFarthestSeconds)) return std::nullopt;
  return std::llround(seconds * 1000);
}

struct Point {
  std::int64_t time_ms = 0;
  double value = 0;
};

// [seconds, "digits"]
std::optional<Point> point_of(const json::value& value) {
  if (!value.is_array() || value.get_array().size() != 2) return std::nullopt;
  const json::array& pair = value.get_array();
  const auto time = time_of(pair[0]);
  if (!time || !pair[1].is_string()) return std::nullopt;
  const auto number = exposition_number(std::string_view(pair[1].get_string()));
  if (!number) return std::nullopt;
  return Point{*time, *number};
}

std::shared_ptr<const Labels> metric_of(const json::value& element) {
  const json::value* metric = member(element, "metric");
  if (metric == nullptr) return nullptr;
  auto labels = parse_engine_labels(*metric);
  return labels ? std::make_shared<const Labels>(std::move(*labels)) : nullptr;
}

bool add_element(const json::value& element, VectorValue& out) {
  const json::value* value = member(element, "value");
  const auto point = value == nullptr ? std::nullopt : point_of(*value);
  auto labels = metric_of(element);
  if (!point || !labels) return false;
  out.elements.push_back({std::move(labels), point->time_ms, point->value});
  return true;
}

bool add_row(const json::value& element, MatrixValue& out) {
  const json::value* values = member(element, "values");
  MatrixValue::Row row;
  row.labels = metric_of(element);
  if (values == nullptr || !values->is_array() || !row.labels) return false;
  row.times_ms.reserve(values->get_array().size());
  row.values.reserve(values->get_array().size());
  for (const json::value& value : values->get_array()) {
    const auto point = point_of(value);
    if (!point) return false;
    row.times_ms.push_back(point->time_ms);
    row.values.push_back(point->value);
  }
  out.rows.push_back(std::move(row));
  return true;
}

// False: not what the API promises.
template <typename Value, typename Add>
bool fill(const json::value& result, QueryAnswer& answer, std::string_view histogram, Add&& add) {
  if (!result.is_array()) return false;
  Value value;
  std::size_t histograms = 0;
  for (const json::value& element : result.get_array()) {
    if (add(element, value)) continue;
    if (member(element, histogram) == nullptr) return false;
    ++histograms;
  }
  if (histograms > 0) {
    answer.warnings.push_back(std::to_string(histograms) +
                              " series have native histograms, which are left out");
  }
  answer.value = std::move(value);
  return true;
}

void sort_rows(QueryAnswer& answer) {
  auto* matrix = std::get_if<MatrixValue>(&answer.value);
  if (matrix == nullptr) return;
  std::sort(matrix->rows.begin(), matrix->rows.end(),
            [](const auto& a, const auto& b) { return *a.labels < *b.labels; });
}

}  // namespace

std::optional<Labels> parse_engine_labels(const json::value& object) {
  if (!object.is_object()) return std::nullopt;
  Labels labels;
  for (const auto& [key, value] : object.get_object()) {
    if (!value.is_string()) return std::nullopt;
    if (!value.get_string().empty()) labels.emplace_back(key, value.get_string());
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

std::string engine_time(std::int64_t time_ms) {
  std::string text;
  append_prometheus_time(text, time_ms);
  return text;
}

Result<QueryAnswer> parse_query_data(const json::value& data) {
  const json::value* type = member(data, "resultType");
  const json::value* result = member(data, "result");
  QueryAnswer answer;
  bool understood = false;
  if (type != nullptr && type->is_string() && result != nullptr) {
    const std::string_view kind = type->get_string();
    if (kind == "vector") {
      understood = fill<VectorValue>(*result, answer, "histogram", add_element);
    } else if (kind == "matrix") {
      understood = fill<MatrixValue>(*result, answer, "histograms", add_row);
      sort_rows(answer);
    } else if (kind == "scalar") {
      if (const auto point = point_of(*result)) {
        answer.value = ScalarValue{point->time_ms, point->value};
        understood = true;
      }
    } else if (kind == "string" && result->is_array() && result->get_array().size() == 2 &&
               result->get_array()[1].is_string()) {
      const auto time = time_of(result->get_array()[0]);
      answer.value =
          StringValue{time.value_or(0), std::string(result->get_array()[1].get_string())};
      understood = time.has_value();
    }
  }
  if (!understood)
    return Error{"the engine behind answers with something that is no query's result"};
  return answer;
}

QueryOutcome EngineQuery::ask(std::string_view path, EngineClient::Form form,
                              const QueryLimits& limits, const std::atomic<bool>* cancel) const {
  form.emplace_back("timeout", std::to_string(limits.timeout.count()) + "ms");
  if (limits.lookback != kDefaultLookback) {
    form.emplace_back("lookback_delta", std::to_string(limits.lookback.count()) + "ms");
  }
  auto answer = client_.ask(path, form, true, limits.timeout + kAnswerTime, cancel);
  if (auto* failure = std::get_if<QueryFailure>(&answer)) return std::move(*failure);
  auto& got = std::get<EngineAnswer>(answer);
  auto parsed = parse_query_data(got.data);
  if (!parsed) return QueryFailure{QueryFailure::Kind::unavailable, parsed.error().text};
  parsed->warnings.insert(parsed->warnings.begin(), got.warnings.begin(), got.warnings.end());
  return std::move(parsed).value();
}

QueryOutcome EngineQuery::instant(const InstantQuery& query, const QueryLimits& limits,
                                  const std::atomic<bool>* cancel) const {
  return ask("/api/v1/query",
             {{"query", std::string(query.expression)}, {"time", engine_time(query.time_ms)}},
             limits, cancel);
}

QueryOutcome EngineQuery::range(const RangeQuery& query, const QueryLimits& limits,
                                const std::atomic<bool>* cancel) const {
  return ask("/api/v1/query_range",
             {{"query", std::string(query.expression)},
              {"start", engine_time(query.start_ms)},
              {"end", engine_time(query.end_ms)},
              {"step", engine_time(query.step_ms)}},
             limits, cancel);
}

}  // namespace volta
