// The one line that says that a role is up: `volta local ready http=127.0.0.1:8420 data=...
// pid=1234` on stderr (CONTRACTS "Processes"), or a log line of that message where logs are JSON.
#pragma once

#include <initializer_list>
#include <string>

#include "app/settings.hpp"
#include "base/log.hpp"

namespace volta {

void ready_line(const Settings& settings, const std::string& role,
                std::initializer_list<log::Field> fields);

}  // namespace volta
