// How an agent knows its server: agent.pin, else agent.ca_file or the machine's authorities.
#pragma once

#include "app/settings.hpp"
#include "base/tls.hpp"

namespace volta {

// Throws StartFailure with what cannot be used. `volta config check` asks it, too.
TlsContext server_trust(const Settings& settings);

}  // namespace volta
