// Who may reach a serving role, and with what: the rules of CONTRACTS "Processes" that `volta
// local` and `volta server` share.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "api/access.hpp"
#include "app/hub.hpp"
#include "app/served_certificate.hpp"
#include "app/settings.hpp"

namespace volta {

// True if nobody beyond this machine can connect to the address setting ("127.0.0.1:8420").
bool only_loopback(const std::string& address);

// Names by which the page may be asked for: those of the settings, and where it is reachable from
// other machines the machine's own, whole and up to its first dot.
std::vector<std::string> page_names(const Settings& settings, const std::string& hostname);

// How the page is listened for: TLS with this certificate, and who may do without.
ListenOptions page_listener(const Settings& settings, const std::string& hostname,
                            std::shared_ptr<ServedCertificate> certificate);

// The key in DIR/access-key, made at the first start. Throws StartFailure.
AccessKey access_key_of(const std::filesystem::path& dir);

}  // namespace volta
