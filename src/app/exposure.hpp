// Who may reach a serving role, and with what: the rules of CONTRACTS "Processes" that `volta
// local` and `volta server` share.
#pragma once

#include <filesystem>
#include <string>

#include "api/access.hpp"
#include "app/settings.hpp"

namespace volta {

// True if nobody beyond this machine can connect to the address setting ("127.0.0.1:8420").
bool only_loopback(const std::string& address);

// Throws StartFailure if HTTP would be served in plaintext beyond loopback without --insecure-http.
void check_http_exposure(const Settings& settings);

// The key in DIR/access-key, made at the first start. Throws StartFailure.
AccessKey access_key_of(const std::filesystem::path& dir);

}  // namespace volta
