#include "model/http.hpp"

#include <algorithm>
#include <array>

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

std::string_view reason_phrase(int status) {
  struct Phrase {
    int status;
    std::string_view text;
  };
  static constexpr std::array kPhrases = {Phrase{101, "Switching Protocols"},
                                          Phrase{200, "OK"},
                                          Phrase{201, "Created"},
                                          Phrase{202, "Accepted"},
                                          Phrase{204, "No Content"},
                                          Phrase{206, "Partial Content"},
                                          Phrase{301, "Moved Permanently"},
                                          Phrase{302, "Found"},
                                          Phrase{303, "See Other"},
                                          Phrase{304, "Not Modified"},
                                          Phrase{307, "Temporary Redirect"},
                                          Phrase{308, "Permanent Redirect"},
                                          Phrase{400, "Bad Request"},
                                          Phrase{401, "Unauthorized"},
                                          Phrase{403, "Forbidden"},
                                          Phrase{404, "Not Found"},
                                          Phrase{405, "Method Not Allowed"},
                                          Phrase{406, "Not Acceptable"},
                                          Phrase{408, "Request Timeout"},
                                          Phrase{409, "Conflict"},
                                          Phrase{411, "Length Required"},
                                          Phrase{412, "Precondition Failed"},
                                          Phrase{413, "Content Too Large"},
                                          Phrase{414, "URI Too Long"},
                                          Phrase{415, "Unsupported Media Type"},
                                          Phrase{417, "Expectation Failed"},
                                          Phrase{421, "Misdirected Request"},
                                          Phrase{422, "Unprocessable Content"},
                                          Phrase{426, "Upgrade Required"},
                                          Phrase{429, "Too Many Requests"},
                                          Phrase{431, "Request Header Fields Too Large"},
                                          Phrase{500, "Internal Server Error"},
                                          Phrase{501, "Not Implemented"},
                                          Phrase{502, "Bad Gateway"},
                                          Phrase{503, "Service Unavailable"},
                                          Phrase{504, "Gateway Timeout"},
                                          Phrase{505, "HTTP Version Not Supported"},
                                          Phrase{507, "Insufficient Storage"}};
  const auto* found = std::find_if(kPhrases.begin(), kPhrases.end(),
                                   [&](const Phrase& phrase) { return phrase.status == status; });
  return found == kPhrases.end() ? std::string_view() : found->text;
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
