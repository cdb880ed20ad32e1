#include "prom/http_credentials.hpp"

#include <algorithm>

namespace volta {
namespace {

bool is_header_token(std::string_view name) {
  constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";  // RFC 9110 section 5.6.2
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSigns.find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

}  // namespace

void HttpCredentials::put_into(OutboundRequest& request) const {
  request.basic_user = basic_user;
  request.basic_password = basic_password;
  request.bearer_token = bearer_token;
  request.ca_file = ca_file;
  request.insecure_skip_verify = insecure_skip_verify;
  request.headers.insert(request.headers.end(), headers.begin(), headers.end());
}

Result<void> check_credentials(const HttpCredentials& credentials,
                               std::span<const std::string_view> reserved) {
  if (!credentials.basic_user.empty() && !credentials.bearer_token.empty()) {
    return Error{"basic authentication and a bearer token exclude each other"};
  }
  if (credentials.basic_user.find(':') != std::string::npos) {
    return Error{"the user of basic authentication cannot hold a colon"};
  }
  if (has_control(credentials.bearer_token)) {
    return Error{"the bearer token holds a line break or another control character"};
  }
  for (const auto& [name, value] : credentials.headers) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!is_header_token(name)) return Error{"'" + name + "' cannot be the name of a header"};
    if (has_control(value)) return Error{"the header " + name + " holds a control character"};
    if (std::find(reserved.begin(), reserved.end(), lower) != reserved.end()) {
      return Error{"the header " + name + " is set by volta and cannot be another's"};
    }
  }
  return {};
}

}  // namespace volta
