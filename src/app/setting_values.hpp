// What a setting is: its type, what it may be, and its value with where that came from. Keys of a
// section and fields of a table in double brackets are the same thing, and are checked in one
// place.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace volta {

enum class SettingType : std::uint8_t {
  text,        // any
  word,        // one of `allowed`
  boolean,     // true | false
  count,       // a whole number
  duration,    // 500ms, 10s, 14d
  size,        // bytes, or 512MB, 2GB, 1GiB; 0: no limit
  disk_size,   // a size, or a share of the disk: 80%
  cores,       // "all" or a list of numbers and ranges, as 0,2-5
  text_list,   // a list of texts; in the environment separated by commas
  text_map,    // names and texts, each name once: labels, headers
  text_lists,  // names and texts or lists of texts: parameters of a URL
  path,        // absolute; empty: none
  url,         // http:// or https://, without user and password
  address,     // HOST:PORT to connect to; empty: none
  listen,      // HOST:PORT to listen on; port 0: any free one
};

struct SettingSpec {
  std::string key;  // section.name; of a field its name alone
  SettingType type;
  std::string fallback;  // the default as text
  std::string roles;     // which of "local", "server", "agent" know it, separated by blanks; a
                         // field's are those of its table
  std::string help;
  std::string allowed = {};  // words, separated by blanks; or a range of counts or durations: 1..64
  std::string example = {};  // for `volta config init`, where the default says nothing
  std::string known_as = {};  // other names by which people look for it, separated by blanks
  bool required = false;      // of a table's field: must be given
  bool secret = false;        // its texts are not shown; secrets of one word stand in files
};

struct SettingValue {
  std::string text;
  std::string origin;  // "default", "FILE:LINE", "VOLTA_RETENTION_RAW", "--listen"
  std::vector<std::pair<std::string, std::string>> pairs = {};  // of text_map and text_lists
};

// "= 'soon' is not a duration such as ...", to come behind the key; empty if the text is fine.
std::optional<std::string> setting_problem(const SettingSpec& spec, std::string_view text);
// "a duration such as 500ms ...": for whoever wrote something of another type.
std::string setting_words(const SettingSpec& spec);
// Numbers and ranges such as 0,2-5, in which the kernel lists cores too; "all": none. Empty if the
// text is something else.
std::optional<std::vector<int>> parse_cores(std::string_view text);
// For people to look at: without what may be a secret (values of headers, the query of a URL).
std::string shown_setting(const SettingSpec& spec, const SettingValue& value);
// "; did you mean NAME?"; empty where none of them is near enough to be meant.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);
// "PLACE: unknown key KEY; did you mean NAME?" `known`: full names, and what stands for them.
std::string unknown_key(const std::string& place, const std::string& key,
                        const std::vector<std::pair<std::string, std::string>>& known);

// Checked values by key.
class SettingValues {
 public:
  // Each requires a key that is there.
  [[nodiscard]] const SettingValue& value(const std::string& key) const;
  [[nodiscard]] const std::string& text(const std::string& key) const { return value(key).text; }
  [[nodiscard]] bool boolean(const std::string& key) const { return text(key) == "true"; }
  [[nodiscard]] std::uint64_t count(const std::string& key) const;
  [[nodiscard]] std::chrono::milliseconds duration(const std::string& key) const;
  [[nodiscard]] std::uint64_t size(const std::string& key) const;
  // Bytes of a disk_size on the disk that will hold `folder`, which need not be there yet; a share
  // of a disk whose size cannot be found out is 0, no limit.
  [[nodiscard]] std::uint64_t disk_size(const std::string& key,
                                        const std::filesystem::path& folder) const;
  // Of a disk_size, in percent; empty: it is a size.
  [[nodiscard]] std::optional<unsigned> disk_share(const std::string& key) const;
  [[nodiscard]] std::vector<int> cores(const std::string& key) const;  // empty: all
  [[nodiscard]] std::vector<std::string> list(const std::string& key) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& pairs(
      const std::string& key) const {
    return value(key).pairs;
  }

  [[nodiscard]] const std::map<std::string, SettingValue>& all() const { return values_; }
  // A value that was checked.
  void put(const std::string& key, SettingValue value) { values_[key] = std::move(value); }

 private:
  std::map<std::string, SettingValue> values_;
};

}  // namespace volta
