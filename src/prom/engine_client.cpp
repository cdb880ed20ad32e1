#include "prom/engine_client.hpp"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "model/query_string.hpp"
#include "prom/refused_part.hpp"
#include "prom/remote_write.hpp"
#include "prom/sender_policy.hpp"
#include "prom/snappy_block.hpp"

namespace volta {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostRefusalBytes = 4096;
constexpr std::size_t kMostQuotedBytes = 300;
constexpr std::string_view kReservedHeaders[] = {"content-type", "content-encoding",
                                                 "x-prometheus-remote-write-version"};

std::string form_text(const EngineClient::Form& form) {
  std::string text;
  for (const auto& [key, value] : form) {
    if (!text.empty()) text += '&';
    text += percent_encode(key) + '=' + percent_encode(value);
  }
  return text;
}

std::string answer_text(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// Prometheus' own word for it; what others say instead (VictoriaMetrics: a status) goes by status.
QueryFailure::Kind kind_of(std::string_view type, int status) {
  using Kind = QueryFailure::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 6> kKinds{
      {{"bad_data", Kind::bad_data},
       {"execution", Kind::execution},
       {"timeout", Kind::timeout},
       {"canceled", Kind::canceled},
       {"unavailable", Kind::unavailable},
       {"internal", Kind::internal}}};
  for (const auto& [word, kind] : kKinds) {
    if (word == type) return kind;
  }
  if (status == 400) return Kind::bad_data;
  if (status == 422) return Kind::execution;
  return Kind::unavailable;
}

QueryFailure failure_of(const OutboundResponse& response, const json::value* body) {
  if (body != nullptr && body->is_object()) {
    const json::object& object = body->get_object();
    const std::string said = answer_text(object, "error");
    if (!said.empty()) return {kind_of(answer_text(object, "errorType"), response.status), said};
  }
  return {QueryFailure::Kind::unavailable,
          "the engine behind answers with status " + std::to_string(response.status) + ": " +
              printable(trim(response.body).substr(0, kMostQuotedBytes))};
}

EngineClient::Answer parse_answer(const OutboundResponse& response, std::size_t most_bytes) {
  if (response.body.size() > most_bytes) {
    return QueryFailure{QueryFailure::Kind::execution,
                        "the engine behind answers with more than " +
                            std::to_string(most_bytes >> 20U) +
                            " MiB; ask for fewer series, a shorter time or a longer step"};
  }
  json::parse_options options;
  options.max_depth = 16;
  boost::system::error_code failed;
  json::value body = json::parse(response.body, failed, {}, options);
  if (failed) return failure_of(response, nullptr);
  if (response.status / 100 != 2 || !body.is_object()) return failure_of(response, &body);
  json::object& object = body.get_object();
  json::value* data = object.if_contains("data");
  if (answer_text(object, "status") != "success" || data == nullptr)
    return failure_of(response, &body);
  // A cluster of VictoriaMetrics of which a node is away: what it has is less than what there is.
  const json::value* partial = object.if_contains("isPartial");
  if (partial != nullptr && partial->is_bool() && partial->get_bool()) {
    return QueryFailure{QueryFailure::Kind::unavailable,
                        "the engine behind has only a part of the answer, since some of it is "
                        "away; ask again later"};
  }
  EngineAnswer answer;
  answer.data = std::move(*data);
  if (const json::value* warnings = object.if_contains("warnings");
      warnings != nullptr && warnings->is_array()) {
    for (const json::value& warning : warnings->get_array()) {
      if (warning.is_string()) answer.warnings.emplace_back(warning.get_string());
    }
  }
  return answer;
}

Result<void> check_url(const char* field, std::string_view url) {
  const bool known = url.starts_with("http://") || url.starts_with("https://");
  const std::string_view rest = known ? url.substr(url.find("//") + 2) : url;
  if (known && !rest.empty() && rest.find_first_of("@?# ") == std::string_view::npos) return {};
  return Error{std::string(field) +
               " must be an http:// or https:// URL without user, password, query and fragment"};
}

QueryFailure cancelled_query() { return {QueryFailure::Kind::canceled, "the query was cancelled"}; }

// Wrong credentials, a wrong path or an address that has moved refuse any half as well. Redirects
// are never followed.
bool is_for_a_person(int status) {
  return status / 100 == 3 || status == 401 || status == 403 || status == 404 || status == 405;
}

bool may_pass(int status) {
  return status == 0 || status == 408 || status == 425 || status == 429 || status / 100 == 5;
}

}  // namespace

Result<void> check_engine_target(const EngineTarget& target) {
  if (auto checked = check_url("write_url", target.write_url); !checked) return checked;
  if (auto checked = check_url("query_url", target.query_url); !checked) return checked;
  // Not wherever it stands: Kubernetes' own proxy is at /api/v1/namespaces/...
  const std::string_view query_url = target.query_url;
  if (query_url.substr(0, query_url.find_last_not_of('/') + 1).ends_with("/api/v1") ||
      query_url.find("/api/v1/query") != std::string_view::npos) {
    return Error{"query_url must be what stands before /api/v1/query"};
  }
  return check_credentials(target.credentials, kReservedHeaders);
}

EngineClient::Answer EngineClient::ask(std::string_view path, const Form& form, bool post,
                                       std::chrono::milliseconds timeout,
                                       const std::atomic<bool>* cancel) const {
  if (cancel == nullptr) cancel = &stopping_;
  if (*cancel) return cancelled_query();
  OutboundRequest request;
  std::string url = target_.query_url;
  while (url.ends_with('/')) url.pop_back();
  request.url = url + std::string(path);
  if (post) {
    request.method = "POST";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = form_text(form);
  } else if (!form.empty()) {
    request.url += '?' + form_text(form);
  }
  target_.credentials.put_into(request);
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);
  request.timeout_ms =
      static_cast<int>(std::clamp(timeout, std::chrono::milliseconds(1), kLongest).count());
  request.most_bytes = target_.most_answer_bytes + 1;
  request.cut_body = true;  // then it is longer than that, and known to be
  request.cancel = cancel;
  try {
    return parse_answer(http_.perform(request), target_.most_answer_bytes);
  } catch (const Failure& failure) {
    if (*cancel) return cancelled_query();
    return QueryFailure{QueryFailure::Kind::unavailable,
                        std::string("the engine behind gave no answer: ") + failure.what()};
  }
}

EngineAnswer EngineClient::demand(std::string_view path, const Form& form, bool post,
                                  std::chrono::milliseconds timeout,
                                  const std::atomic<bool>* cancel) const {
  Answer answer = ask(path, form, post, timeout, cancel);
  if (auto* failure = std::get_if<QueryFailure>(&answer)) throw QueryFailed(std::move(*failure));
  return std::get<EngineAnswer>(std::move(answer));
}

EngineClient::Attempt EngineClient::post(std::span<const LabeledSamples> series,
                                         const std::atomic<bool>* cancel) const {
  WriteBatchLimits limits;
  limits.most_samples = SIZE_MAX;
  limits.most_bytes = SIZE_MAX;
  if (cancel == nullptr) cancel = &stopping_;
  if (*cancel) return {0, "volta is shutting down", {}};
  const auto encoded = encode_write_requests(WriteVersion::v1, series, {}, limits);
  if (encoded.empty()) return {204, "", {}};
  OutboundRequest request;
  request.method = "POST";
  request.url = target_.write_url;
  request.headers = {
      {"Content-Encoding", "snappy"},
      {"Content-Type", std::string(write_content_type(WriteVersion::v1))},
      {"X-Prometheus-Remote-Write-Version", std::string(write_version_header(WriteVersion::v1))}};
  target_.credentials.put_into(request);
  request.body = snappy_compress(encoded.front().message);
  request.timeout_ms = static_cast<int>(target_.write_timeout.count());
  request.most_bytes = kMostRefusalBytes;
  request.cut_body = true;
  request.cancel = cancel;
  Attempt attempt;
  try {
    const OutboundResponse response = http_.perform(request);
    attempt.status = response.status;
    attempt.too_old = refuses_old_samples(response);
    attempt.said = "status " + std::to_string(response.status) + ": " +
                   printable(trim(response.body).substr(0, kMostQuotedBytes));
    attempt.retry_after =
        retry_after(response, system_clock().wall_ms()).value_or(std::chrono::milliseconds(0));
  } catch (const Failure& failure) {
    attempt.said = failure.what();
  }
  return attempt;
}

EngineWrite EngineClient::write(std::span<const LabeledSamples> series,
                                const std::atomic<bool>* cancel) const {
  EngineWrite outcome;
  const auto send = [&](std::span<const LabeledSamples> part) {
    const Attempt attempt = post(part, cancel);
    if (attempt.status / 100 == 2) return PartFate::taken;
    const bool person = is_for_a_person(attempt.status);
    if (person || (may_pass(attempt.status) && !attempt.too_old)) {
      outcome = {EngineWrite::State::later, 0, attempt.said,
                 person ? std::chrono::seconds(5) : attempt.retry_after};
      return PartFate::later;
    }
    if (outcome.why.empty()) outcome.why = attempt.said;
    return PartFate::refused;
  };
  if (series.empty() || send(series) != PartFate::refused) return outcome;
  const Division division = send_divided(series, kMostHalvings, send);
  if (!division.finished) return outcome;
  outcome.refused = division.refused;
  if (division.undivided > 0) {
    outcome.why += "; " + std::to_string(division.undivided) +
                   " samples were not divided any further: send fewer at a time";
  }
  return outcome;
}

}  // namespace volta
