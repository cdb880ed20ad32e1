// The configuration of a role: every key there is, with its type, default and help, and where each
// value came from. Flags win over the environment (VOLTA_<SECTION>_<KEY>), that over the file, that
// over defaults.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace volta {

enum class SettingType : std::uint8_t {
  text,       // any
  boolean,    // true | false
  duration,   // 500ms, 10s, 14d
  size,       // bytes, or 512MB, 2GB, 1GiB; 0: no limit
  cores,      // "all" or a list of numbers and ranges, as 0,2-5
  text_list,  // a list of texts; in the environment separated by commas
  address,    // HOST:PORT to connect to; empty: none
  listen,     // HOST:PORT to listen on; port 0: any free one
};

struct SettingSpec {
  std::string key;  // section.name
  SettingType type;
  std::string fallback;  // the default as text
  std::string roles;     // which of "local", "server", "agent" know it, separated by blanks
  std::string help;
};

// The keys of a role, in the order of `volta config init`; groups.NAME.period and .enabled come
// from the catalogue.
std::vector<SettingSpec> setting_specs(std::string_view role);

struct SettingValue {
  std::string text;
  std::string origin;  // "default", "FILE:LINE", "VOLTA_RETENTION_RAW", "--listen"
};

class Settings {
 public:
  // What `text` must look like, if it is not that; empty if it fits.
  static std::optional<std::string> problem(SettingType type, std::string_view text);

  // Requires a key of the role; the values were checked when they came in.
  [[nodiscard]] const std::string& text(const std::string& key) const;
  [[nodiscard]] bool boolean(const std::string& key) const;
  [[nodiscard]] std::chrono::milliseconds duration(const std::string& key) const;
  [[nodiscard]] std::uint64_t size(const std::string& key) const;
  [[nodiscard]] std::vector<int> cores(const std::string& key) const;  // empty: all
  [[nodiscard]] std::vector<std::string> list(const std::string& key) const;

  [[nodiscard]] const std::map<std::string, SettingValue>& all() const { return values_; }
  // [labels]: free keys, put on every series.
  [[nodiscard]] const std::map<std::string, std::string>& labels() const { return labels_; }
  // Unknown keys and the like: said, but no reason to stop.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  friend class SettingsReader;
  std::map<std::string, SettingValue> values_;
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

// A complete file with every default, commented.
std::string settings_template(std::string_view role);

std::vector<std::pair<std::string, std::string>> process_environment();

}  // namespace volta
