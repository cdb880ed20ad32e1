// The configuration of a role: every key there is, and where each value came from. Flags win over
// the environment (VOLTA_<SECTION>_<KEY>), that over the file, that over defaults.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/setting_tables.hpp"
#include "base/result.hpp"

namespace volta {

// The keys of a role, in the order of `volta config init`; groups.NAME.period and .enabled come
// from the catalogue.
std::vector<SettingSpec> setting_specs(std::string_view role);
// The keys of all roles.
std::vector<std::string> every_setting_key();

class Settings : public SettingValues {
 public:
  // The tables in double brackets of that name, in the file's order.
  [[nodiscard]] std::span<const SettingTable> tables(const std::string& name) const;
  // [labels]: free keys, put on every series.
  [[nodiscard]] const std::map<std::string, std::string>& labels() const { return labels_; }
  // Unknown keys and the like: said, but no reason to stop.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  friend class SettingsReader;
  std::map<std::string, std::vector<SettingTable>> tables_;
  std::map<std::string, std::string> labels_;
  std::vector<std::string> warnings_;
};

struct SettingsSource {
  std::string role;                           // local, server, agent
  std::optional<std::filesystem::path> file;  // --config; else the last default path that exists
  std::vector<std::pair<std::string, std::string>> environment;  // all variables
  struct Flag {
    std::string key, text, name;
  };
  std::vector<Flag> flags;
};

// Refuses wrong types and values with place and what is allowed.
Result<Settings> read_settings(const SettingsSource& source);

// /etc/volta/ROLE.toml, then $XDG_CONFIG_HOME/volta/ROLE.toml (root: only the former).
std::vector<std::filesystem::path> default_config_paths(std::string_view role);
// --data's default: /var/lib/volta/ROLE for root, else $XDG_DATA_HOME/volta/ROLE.
std::filesystem::path default_data_dir(std::string_view role);

// A complete file with every default, commented; of tables in double brackets one of each kind.
std::string settings_template(std::string_view role);

std::vector<std::pair<std::string, std::string>> process_environment();

}  // namespace volta
