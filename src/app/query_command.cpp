// volta query 'EXPR': PromQL from the command line, asked of a running volta (--server URL), or of
// a data directory (--data DIR), whether somebody serves it or not.
#include <algorithm>
#include <iostream>

#include <boost/json.hpp>

#include "app/commands.hpp"
#include "app/door_choice.hpp"
#include "app/process.hpp"
#include "app/query_output.hpp"
#include "app/time_argument.hpp"
#include "app/unknown_metrics.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "model/query_string.hpp"

namespace volta {
namespace {

constexpr int kPatienceMs = 150'000;  // somewhat longer than a query may take
constexpr std::size_t kMostBytes = 512U << 20U;

std::string seconds_text(std::int64_t ms) {
  const std::string digits = std::to_string(ms < 0 ? -ms : ms);
  const std::string padded =
      digits.size() < 4 ? std::string(4 - digits.size(), '0') + digits : digits;
  return (ms < 0 ? "-" : "") + padded.substr(0, padded.size() - 3) + "." +
         padded.substr(padded.size() - 3);
}

// The parameters of the request, percent-encoded, and which of the two routes they are for.
DoorRequest request_of(const QueryOptions& options) {
  const std::int64_t now = system_clock().wall_ms();
  const std::int64_t at = time_argument(options.time, "--time", now);
  DoorRequest request;
  request.timeout_ms = kPatienceMs;
  request.most_bytes = kMostBytes;
  std::string form = "query=" + percent_encode(options.expression);
  if (options.range.empty()) {
    if (!options.step.empty()) throw StartFailure(Exit::usage, "--step needs --range");
    request.path = "/prometheus/api/v1/query";
    form += "&time=" + seconds_text(at);
  } else {
    const std::int64_t range = duration_argument(options.range, "--range");
    // As many steps as a page is wide, whole seconds.
    const std::int64_t step = options.step.empty()
                                  ? std::max<std::int64_t>(1000, range / 250 / 1000 * 1000)
                                  : duration_argument(options.step, "--step");
    request.path = "/prometheus/api/v1/query_range";
    // The last step falls on the end: there is what is newest.
    const std::int64_t begin = step > 0 ? at - range / step * step : at - range;
    form += "&start=" + seconds_text(begin) + "&end=" + seconds_text(at) +
            "&step=" + seconds_text(step);
  }
  // A GET needs no proof of origin; a very long expression goes into a body.
  if (form.size() <= 6000) {
    request.query = std::move(form);
  } else {
    request.method = "POST";
    request.body = std::move(form);
    request.content_type = "application/x-www-form-urlencoded";
  }
  return request;
}

bool found_nothing(const boost::json::value& data) {
  const auto* result = data.is_object() ? data.as_object().if_contains("result") : nullptr;
  return result != nullptr && result->is_array() && result->as_array().empty();
}

// On stderr, so that what a script reads stays as it is. Best effort: the query itself went well.
void name_unknown_metrics(const Door& door, const std::string& expression) {
  const std::vector<std::string> asked = metrics_in(expression);
  if (asked.empty()) return;
  DoorRequest request;
  request.path = "/prometheus/api/v1/label/__name__/values";
  request.timeout_ms = kPatienceMs;
  request.most_bytes = kMostBytes;
  DoorAnswer answer;
  try {
    answer = door(request);
  } catch (const StartFailure&) {
    return;  // of this question only: what was asked has its answer
  }
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(answer.body, error);
  const auto* names = !error && body.is_object() ? body.as_object().if_contains("data") : nullptr;
  if (answer.status != 200 || names == nullptr || !names->is_array()) return;
  std::vector<std::string> known;
  for (const auto& name : names->as_array())
    if (name.is_string()) known.emplace_back(name.as_string());
  std::cerr << unknown_metrics_text(asked, known);
}

}  // namespace

int run_query(const QueryOptions& options) {
  const DoorRequest request = request_of(options);
  const Door door = open_door(options.door);
  const DoorAnswer answer = door(request);
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(answer.body, error);
  if (error || !body.is_object()) {
    throw StartFailure(Exit::failed, "what answers there is no volta: status " +
                                         std::to_string(answer.status) + ", and no JSON");
  }
  const boost::json::object& members = body.as_object();
  const auto* data = members.if_contains("data");
  if (answer.status != 200 || data == nullptr) throw_refusal(answer);
  if (options.format == "json") {
    std::cout << answer.body << '\n';
    return code(Exit::done);
  }
  const auto text = options.format == "csv" ? query_csv(*data) : query_table(*data);
  if (!text) throw StartFailure(Exit::failed, text.error().text);
  std::cout << *text;
  if (found_nothing(*data)) name_unknown_metrics(door, options.expression);
  if (const auto* warnings = members.if_contains("warnings");
      warnings != nullptr && warnings->is_array()) {
    for (const auto& warning : warnings->as_array()) {
      if (warning.is_string())
        std::cerr << "warning: " << printable(std::string(warning.as_string())) << '\n';
    }
  }
  return code(Exit::done);
}

}  // namespace volta
