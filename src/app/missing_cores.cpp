#include "app/missing_cores.hpp"

#include <algorithm>

#include "collect/kept_file.hpp"

namespace volta {

std::vector<std::string> missing_cores(const Settings& settings,
                                       const std::filesystem::path& own_sysfs) {
  std::vector<std::string> out;
  const auto look = [&](const std::string& key, const std::filesystem::path& sysfs) {
    const std::string present = read_trimmed(sysfs / "devices/system/cpu/present");
    const auto there = parse_cores(present);
    if (!there || there->empty()) return;
    const std::vector<int> named = settings.cores(key);
    const auto missing = std::find_if(named.begin(), named.end(), [&](int core) {
      return std::find(there->begin(), there->end(), core) == there->end();
    });
    if (missing == named.end()) return;
    out.push_back(settings.value(key).origin + ": " + key + ": this machine has no core " +
                  std::to_string(*missing) + "; it has " + present);
  };
  if (settings.all().count("agent.cores") == 0) return out;  // a role that measures nothing
  look("agent.cores", own_sysfs);
  look("metrics.per_core", settings.text("paths.sysfs"));
  return out;
}

}  // namespace volta
