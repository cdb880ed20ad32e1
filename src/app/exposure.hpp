// Who may reach a serving role, and with what: the rules of CONTRACTS "Processes" that `volta
// local` and `volta server` share.
#pragma once

#include <filesystem>
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

// What "local" or "server" refuses to start with, a sentence each: HTTP in plaintext beyond
// loopback without the flag that allows it.
std::vector<std::string> exposures(const Settings& settings);
// Throws StartFailure with the first of them.
void refuse_exposure(const Settings& settings);

// The key in DIR/access-key, made at the first start. Throws StartFailure.
AccessKey access_key_of(const std::filesystem::path& dir);

}  // namespace volta
