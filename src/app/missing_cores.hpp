// Cores that the settings name and the machine lacks. A configuration may be written for another
// machine than the one it is checked on, so that this is said and nothing refused.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/settings.hpp"

namespace volta {

// A sentence for each setting with such a core: "PLACE: agent.cores: this machine has no core 99;
// it has 0-3". `own_sysfs` is of the machine that volta runs on; which cores have series of their
// own is measured against the one that it reads.
std::vector<std::string> missing_cores(const Settings& settings,
                                       const std::filesystem::path& own_sysfs = "/sys");

}  // namespace volta
