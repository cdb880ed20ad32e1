#include "api/reply.hpp"

#include "base/crypto.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

// RFC 9110 section 13.1.2: weak comparison, so W/ does not matter.
bool names_tag(std::string_view if_none_match, std::string_view etag) {
  const auto opaque = [](std::string_view tag) {
    return tag.starts_with("W/") ? tag.substr(2) : tag;
  };
  while (!if_none_match.empty()) {
    const auto comma = if_none_match.find(',');
    const std::string_view tag = trim(if_none_match.substr(0, comma));
    if (tag == "*" || opaque(tag) == opaque(etag)) return true;
    if (comma == std::string_view::npos) break;
    if_none_match.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

Declined decline(int status, std::string code, std::string detail) {
  return {{status, std::move(code), std::string(reason_phrase(status)), std::move(detail), {}}, {}};
}

Declined bad_parameter(std::string_view name, std::string detail) {
  Declined declined = decline(400, "bad_parameter", std::string(name) + ": " + detail);
  declined.problem.errors.emplace_back(name, std::move(detail));
  return declined;
}

Declined host_not_found(std::string_view asked) {
  return decline(404, "host_not_found", "there is no host '" + std::string(asked) + "'");
}

HttpResponse json_response(std::string body, int status) {
  HttpResponse response;
  response.status = status;
  response.content_type = "application/json";
  response.body = std::move(body);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

void append_labels(std::string& out,
                   const std::vector<std::pair<std::string, std::string>>& labels) {
  JsonWriter json(out);
  json.begin_object();
  for (const auto& [key, value] : labels) json.member(key, value);
  json.end_object();
}

FixedJson::FixedJson(std::string body) : body_(std::move(body)) {
  const Sha256 hash = sha256(body_);
  etag_ = "W/\"" + hex(std::span(hash).first(8)) + "\"";
}

HttpResponse FixedJson::answer(const HttpRequest& request) const {
  HttpResponse response;
  response.content_type = "application/json";
  response.headers = {{"Cache-Control", "private, no-cache"}, {"ETag", etag_}};
  if (names_tag(request.header("if-none-match"), etag_)) {
    response.status = 304;
  } else {
    response.body = body_;
  }
  return response;
}

}  // namespace volta
