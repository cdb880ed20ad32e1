// How volta shows itself to a server that it scrapes or writes to. Secrets were read from their
// files by whoever made this; they are never logged.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/http.hpp"

namespace volta {

struct HttpCredentials {
  // At most one of basic and bearer.
  std::string basic_user, basic_password;
  std::string bearer_token;
  std::string ca_file;                                       // "": the system's certificates
  bool insecure_skip_verify = false;                         // whoever answers is believed
  std::vector<std::pair<std::string, std::string>> headers;  // X-Scope-OrgID and the like

  void put_into(OutboundRequest& request) const;
};

// A custom header must be a token and a line, and none of `reserved` (lower case); basic and bearer
// exclude each other.
Result<void> check_credentials(const HttpCredentials& credentials,
                               std::span<const std::string_view> reserved);

}  // namespace volta
