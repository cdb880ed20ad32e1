// Who may reach a serving role, and with what: the rules of CONTRACTS "Processes" that `volta
// local` and `volta server` share.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "api/access.hpp"
#include "app/settings.hpp"

namespace volta {

// True if nobody beyond this machine can connect to the address setting ("127.0.0.1:8420").
bool only_loopback(const std::string& address);

// Names by which the page may be asked for: those of the settings, and where it is reachable from
// other machines the machine's own, whole and up to its first dot.
std::vector<std::string> page_names(const Settings& settings, const std::string& hostname);

// What a role refuses to start with, or empty: HTTP in plaintext beyond loopback, and plaintext of
// agents there, without the flag that allows it.
std::optional<std::string> http_exposure(const Settings& settings);
std::optional<std::string> rpc_exposure(const Settings& settings);
// Throws StartFailure with the first of what is given.
void refuse_exposure(std::initializer_list<std::optional<std::string>> exposures);

// The key in DIR/access-key, made at the first start. Throws StartFailure.
AccessKey access_key_of(const std::filesystem::path& dir);

}  // namespace volta
