#include "api/parameters.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.hpp"

namespace volta {
namespace {

constexpr std::int64_t kLastMs = 253'402'300'799'999;  // end of 9999
constexpr double kFirstMilliseconds = 1e11;            // as seconds: the year 5138
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kLongestStepMs = std::int64_t{3650} * 24 * kHourMs;
constexpr std::int64_t kDefaultPoints = 600;
constexpr std::string_view kLabelPrefix = "label.";

Error bad_time(std::string_view text) {
  return {"'" + std::string(text) +
          "' is not a time; write RFC 3339, unix seconds or milliseconds, now or now-1h"};
}

Result<std::int64_t> relative_time(std::string_view text, std::int64_t now_ms) {
  const std::string_view offset = text.substr(3);
  if (offset.empty()) return now_ms;
  if (offset.front() != '-' && offset.front() != '+') return bad_time(text);
  const auto duration = parse_duration(offset.substr(1));
  if (!duration) return duration.error();
  const std::int64_t ms = duration->count();
  if (ms > kLastMs) return bad_time(text);
  return offset.front() == '-' ? now_ms - ms : now_ms + ms;
}

Result<std::int64_t> any_time(std::string_view text, std::int64_t now_ms) {
  if (text.starts_with("now")) return relative_time(text, now_ms);
  if (const auto number = parse_number(text)) {
    const double ms = std::abs(*number) >= kFirstMilliseconds ? *number : *number * 1000;
    if (!(std::abs(ms) <= static_cast<double>(kLastMs))) return bad_time(text);
    return static_cast<std::int64_t>(std::llround(ms));
  }
  if (const auto ms = parse_rfc3339(text)) return *ms;
  return bad_time(text);
}

std::optional<Aggregation> aggregation_of(std::string_view text) {
  if (text == "avg") return Aggregation::avg;
  if (text == "min") return Aggregation::min;
  if (text == "max") return Aggregation::max;
  if (text == "last") return Aggregation::last;
  if (text == "rate") return Aggregation::rate;
  return std::nullopt;
}

void read_step(ParameterReader& reader, RangeQuestion& question) {
  if (reader.has("step") && reader.has("max_points")) {
    reader.wrong("step", "give step or max_points, not both");
    return;
  }
  if (reader.has("step")) {
    const auto step = parse_step(reader.text("step"));
    if (!step) return reader.wrong("step", step.error().text);
    question.step_ms = *step;
    const std::int64_t points = question.end_ms / *step - question.start_ms / *step + 1;
    if (points > kMostPoints) {
      reader.wrong("step", "start to end would be " + std::to_string(points) +
                               " points, more than " + std::to_string(kMostPoints));
    }
    return;
  }
  const std::int64_t points = reader.integer("max_points", kDefaultPoints, 2, kMostPoints);
  question.step_ms = step_for(question.start_ms, question.end_ms, points);
}

}  // namespace

Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms) {
  auto ms = any_time(text, now_ms);
  if (ms && (*ms < 0 || *ms > kLastMs)) return Error{"the time is outside 1970 to 9999"};
  return ms;
}

Result<std::int64_t> parse_step(std::string_view text) {
  std::int64_t ms = 0;
  if (const auto seconds = parse_number(text)) {
    ms = std::abs(*seconds) <= 1e12 ? std::llround(*seconds * 1000) : kLongestStepMs + 1;
  } else {
    const auto duration = parse_duration(text);
    if (!duration) return duration.error();
    ms = duration->count();
  }
  if (ms < 1 || ms > kLongestStepMs) return Error{"a step is between 1 ms and 10 years"};
  return ms;
}

void ParameterReader::wrong(std::string_view name, std::string detail) {
  if (!declined_) {
    declined_ = bad_parameter(name, std::move(detail));
  } else {
    declined_->problem.errors.emplace_back(name, std::move(detail));
  }
}

std::string ParameterReader::text(std::string_view name, std::string_view otherwise) const {
  const auto given = query_->get(name);
  return std::string(given && !given->empty() ? *given : otherwise);
}

std::string ParameterReader::required_text(std::string_view name) {
  std::string given = text(name);
  if (given.empty()) wrong(name, "is needed here");
  return given;
}

std::int64_t ParameterReader::time(std::string_view name, std::int64_t otherwise) {
  const auto given = query_->get(name);
  if (!given) return otherwise;
  const auto ms = parse_time(*given, now_ms_);
  if (ms) return *ms;
  wrong(name, ms.error().text);
  return otherwise;
}

std::int64_t ParameterReader::integer(std::string_view name, std::int64_t otherwise,
                                      std::int64_t least, std::int64_t most) {
  const auto given = query_->get(name);
  if (!given) return otherwise;
  const auto number = parse_integer<std::int64_t>(*given);
  if (number && *number >= least && *number <= most) return *number;
  wrong(name,
        "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return otherwise;
}

bool ParameterReader::flag(std::string_view name) {
  const auto given = query_->get(name);
  if (!given || *given == "0" || *given == "false") return false;
  if (*given != "1" && *given != "true") wrong(name, "must be 0 or 1");
  return true;
}

std::variant<SeriesRequest, Declined> parse_series_request(const QueryParameters& query,
                                                           std::int64_t now_ms) {
  ParameterReader reader(query, now_ms);
  SeriesRequest request;
  RangeQuestion& question = request.question;
  request.host = reader.required_text("host");
  question.metric.name = reader.required_text("name");
  question.end_ms = reader.time("end", now_ms);
  question.start_ms = reader.time("start", std::max<std::int64_t>(0, question.end_ms - kHourMs));
  if (question.start_ms > question.end_ms) {
    reader.wrong("start", "is later than the end");
  } else {
    read_step(reader, question);
  }
  if (reader.has("agg")) {
    question.aggregation = aggregation_of(reader.text("agg"));
    if (!question.aggregation) reader.wrong("agg", "must be avg, min, max, last or rate");
  }
  for (const auto& [name, value] : query.items) {
    if (!name.starts_with(kLabelPrefix)) continue;
    if (value.empty()) reader.wrong(name, "needs a value");
    question.metric.matchers.emplace_back(name.substr(kLabelPrefix.size()), value);
  }
  std::sort(question.metric.matchers.begin(), question.metric.matchers.end());
  if (reader.declined()) return *reader.declined();
  return request;
}

std::int64_t step_for(std::int64_t start_ms, std::int64_t end_ms, std::int64_t most_points) {
  static constexpr std::array<std::int64_t, 27> kSeconds = {
      1,      2,      5,      10,      15,      30,      60,      120,      300,
      600,    900,    1800,   3600,    7200,    10800,   21600,   43200,    86400,
      172800, 432000, 604800, 1209600, 2592000, 5184000, 7776000, 15552000, 31536000};
  for (const std::int64_t seconds : kSeconds) {
    const std::int64_t step = seconds * 1000;
    if (end_ms / step - start_ms / step + 1 <= most_points) return step;
  }
  return end_ms - start_ms + 1;
}

}  // namespace volta
