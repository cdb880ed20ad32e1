// From TOML's nodes to checked settings. Included by the sources that read files, and by nobody
// else: toml++ is a large header.
#pragma once

#include <string>
#include <vector>

// Its assertions of what comes next fail on bad input, which the code after them refuses properly.
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>

#include "app/setting_tables.hpp"
#include "base/result.hpp"

namespace volta {

// FILE:LINE of a node.
std::string toml_place(const std::string& file, const toml::node& node);

// The value of the setting that stands in the file as `key`. An Error names place and key.
Result<SettingValue> read_setting(const SettingSpec& spec, const std::string& key,
                                  const toml::node& node, const std::string& place);

// The same of a setting of names and texts that comes from outside of a file, written as it would
// stand there: { name = "text" }; blank: none. `origin` names where it comes from.
Result<SettingValue> read_pairs(const SettingSpec& spec, const std::string& text,
                                const std::string& origin);

// Reads the tables of one file, and gathers what is unknown but harmless.
class TableReader {
 public:
  // Both must live longer.
  TableReader(const std::string& file, std::vector<std::string>& warnings)
      : file_(file), warnings_(warnings) {}

  // What stands in the file as `key`: an array of tables of that kind.
  Result<std::vector<SettingTable>> read(const TableSpec& spec, const std::string& key,
                                         const toml::node& node);

 private:
  Result<SettingTable> read_one(const TableSpec& spec, const std::string& key,
                                const toml::table& table);
  Result<void> read_member(const TableSpec& spec, const std::string& key, SettingTable& made,
                           const std::pair<std::string, const toml::node*>& member);

  const std::string& file_;
  std::vector<std::string>& warnings_;
};

}  // namespace volta
