#include "api/json_body.hpp"

#include <boost/json.hpp>

#include "base/text.hpp"

namespace volta {
namespace {

namespace json = boost::json;

Declined wrong_member(std::string_view key, std::string detail) {
  Declined declined = decline(422, "bad_body", std::string(key) + ": " + detail);
  declined.problem.errors.emplace_back("/" + std::string(key), std::move(detail));
  return declined;
}

}  // namespace

std::variant<std::string, Declined> text_member(const HttpRequest& request, std::string_view key) {
  const std::string_view type = request.header("content-type");
  if (trim(type.substr(0, type.find(';'))) != "application/json") {
    return decline(415, "unsupported_media_type", "the body must be application/json");
  }
  json::parse_options options;
  options.max_depth = 4;
  boost::system::error_code failed;
  const json::value value =
      json::parse({request.body.data(), request.body.size()}, failed, {}, options);
  if (failed || !value.is_object()) {
    return decline(400, "bad_body", "the body is not a JSON object");
  }
  for (const auto& member : value.get_object()) {
    const std::string_view name(member.key().data(), member.key().size());
    if (name != key) return wrong_member(name, "is not known; '" + std::string(key) + "' is");
  }
  const json::value* found = value.get_object().if_contains({key.data(), key.size()});
  if (found == nullptr || !found->is_string()) return wrong_member(key, "must be a text");
  return std::string(found->get_string().data(), found->get_string().size());
}

std::string_view object_or_empty(std::string_view text) {
  boost::system::error_code failed;
  const json::value value = json::parse({text.data(), text.size()}, failed);
  return !failed && value.is_object() ? text : "{}";
}

}  // namespace volta
