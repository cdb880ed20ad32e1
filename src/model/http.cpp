#include "model/http.hpp"

#include <algorithm>

#include "base/json_writer.hpp"

namespace volta {

namespace {

std::string_view first_of_name(const std::vector<std::pair<std::string, std::string>>& headers,
                               std::string_view lower_name) {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& field) { return field.first == lower_name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

std::string_view HttpRequest::header(std::string_view lower_name) const {
  return first_of_name(headers, lower_name);
}

std::string_view OutboundResponse::header(std::string_view lower_name) const {
  return first_of_name(headers, lower_name);
}

std::optional<std::string_view> QueryParameters::get(std::string_view key) const {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.first == key; });
  if (found == items.end()) return std::nullopt;
  return found->second;
}

std::string problem_json(const Problem& problem, std::string_view request_id) {
  std::string out;
  JsonWriter json(out);
  json.begin_object()
      .member("type", "about:blank")
      .member("title", problem.title)
      .member("status", problem.status)
      .member("detail", problem.detail)
      .member("code", problem.code);
  json.key("errors").begin_array();
  for (const auto& [pointer, detail] : problem.errors) {
    json.begin_object().member("pointer", pointer).member("detail", detail).end_object();
  }
  json.end_array().member("request_id", request_id).end_object();
  return out;
}

HttpResponse problem_response(const Problem& problem, std::string_view request_id) {
  HttpResponse response;
  response.status = problem.status;
  response.content_type = "application/problem+json";
  response.body = problem_json(problem, request_id);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace volta
