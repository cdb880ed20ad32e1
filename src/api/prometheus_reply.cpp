#include "api/prometheus_reply.hpp"

#include <algorithm>
#include <array>

#include "base/json_writer.hpp"

namespace volta {
namespace {

constexpr std::array<std::string_view, 7> kTypes = {
    "bad_data", "execution", "timeout", "canceled", "unavailable", "not_found", "internal"};

std::string_view error_type(const Problem& problem) {
  const auto* found = std::find(kTypes.begin(), kTypes.end(), problem.code);
  if (found != kTypes.end()) return *found;
  if (problem.status == 401) return "unauthorized";
  if (problem.status == 403) return "forbidden";
  if (problem.status == 404) return "not_found";
  if (problem.status == 422) return "execution";
  if (problem.status == 503) return "unavailable";
  return problem.status < 500 ? "bad_data" : "internal";
}

}  // namespace

HttpResponse prometheus_success(std::string_view data, const std::vector<std::string>& warnings) {
  std::string out = R"({"status":"success","data":)";
  out += data;
  if (!warnings.empty()) {
    out += R"(,"warnings":)";
    JsonWriter json(out);
    json.begin_array();
    for (const std::string& warning : warnings) json.value(warning);
    json.end_array();
  }
  out += '}';
  return json_response(std::move(out));
}

HttpResponse prometheus_refusal(const Declined& declined, std::string_view /*request_id*/) {
  std::string out;
  JsonWriter(out)
      .begin_object()
      .member("status", "error")
      .member("errorType", error_type(declined.problem))
      .member("error", declined.problem.detail)
      .end_object();
  HttpResponse response = json_response(std::move(out), declined.problem.status);
  response.headers.insert(response.headers.end(), declined.headers.begin(), declined.headers.end());
  return response;
}

Declined query_refusal(const QueryFailure& failure) {
  switch (failure.kind) {
    case QueryFailure::Kind::bad_data: {
      // Prometheus names the parameter where the text does not parse, not where its type is wrong.
      const bool syntax = failure.text.find(": parse error: ") != std::string::npos;
      return decline(400, "bad_data",
                     (syntax ? "invalid parameter \"query\": " : "") + failure.text);
    }
    case QueryFailure::Kind::execution:
      return decline(422, "execution", failure.text);
    case QueryFailure::Kind::timeout:
      return decline(503, "timeout", failure.text);
    case QueryFailure::Kind::canceled:
      return decline(503, "canceled", failure.text);
    case QueryFailure::Kind::unavailable:
      return decline(503, "unavailable", failure.text);
    case QueryFailure::Kind::internal:
      break;
  }
  return decline(500, "internal", failure.text);
}

Declined come_again(std::string type, std::string text) {
  Declined declined = decline(503, std::move(type), std::move(text));
  declined.headers.emplace_back("Retry-After", "1");
  return declined;
}

}  // namespace volta
