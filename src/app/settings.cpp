#include "app/settings.hpp"

#include <algorithm>
#include <cstdlib>

#include <unistd.h>

#include "app/toml_guard.hpp"
#include "app/toml_values.hpp"
#include "base/host_port.hpp"
#include "base/text.hpp"
#include "base/whole_file.hpp"
#include "model/series.hpp"

namespace volta {
namespace {

constexpr std::size_t kLargestFile = 1U << 20U;

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string environment_variable(const std::string& key) { return "VOLTA_" + upper(key); }

// A series with more labels than it may have would be refused, and its host's link with it.
std::size_t most_common_labels() {
  std::size_t own = 0;
  for (const Metric& entry : catalogue()) own = std::max(own, entry.labels.size());
  return kMostSeriesLabels - own;
}

std::filesystem::path base_dir(const char* variable, const char* below_home) {
  const char* set =
      std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): before any thread starts
  if (set != nullptr && set[0] == '/') return set;
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): as above
  return std::filesystem::path(home != nullptr ? home : "/") / below_home;
}

}  // namespace

// Puts the layers on top of each other.
class SettingsReader {
 public:
  explicit SettingsReader(const SettingsSource& source)
      : source_(source), specs_(setting_specs(source.role)), tables_(table_specs(source.role)) {}

  Result<Settings> read() {
    for (const SettingSpec& spec : specs_) settings_.put(spec.key, {spec.fallback, "default"});
    if (Result<void> file = read_file(); !file) return file.error();
    if (Result<void> environment = read_environment(); !environment) return environment.error();
    for (const auto& flag : source_.flags) {
      if (Result<void> set = put(*find(flag.key), flag.text, flag.name); !set) return set.error();
    }
    if (Result<void> names = check_host_names(); !names) return names.error();
    if (Result<void> names = check_disabled_metrics(); !names) return names.error();
    return std::move(settings_);
  }

 private:
  [[nodiscard]] const SettingSpec* find(std::string_view key) const {
    const auto found = std::find_if(specs_.begin(), specs_.end(),
                                    [&](const SettingSpec& spec) { return spec.key == key; });
    return found == specs_.end() ? nullptr : &*found;
  }

  Result<void> put(const SettingSpec& spec, const std::string& text, const std::string& origin) {
    if (spec.type == SettingType::text_map || spec.type == SettingType::text_lists) {
      Result<SettingValue> pairs = read_pairs(spec, text, origin);
      if (!pairs) return pairs.error();
      settings_.put(spec.key, *std::move(pairs));
      return {};
    }
    if (const auto problem = setting_problem(spec, text))
      return Error{origin + ": " + spec.key + " " + *problem};
    settings_.put(spec.key, {text, origin});
    return {};
  }

  Result<void> read_file() {
    std::filesystem::path path;
    if (source_.file) {
      path = *source_.file;
    } else {
      for (const auto& candidate : default_config_paths(source_.role)) {
        if (::access(candidate.c_str(), F_OK) == 0) path = candidate;  // the later one wins
      }
      if (path.empty()) return {};
    }
    const Result<std::string> content = read_whole_file(path, kLargestFile);
    if (!content) return content.error();
    if (const auto problem = unfit_for_toml_parser(*content))
      return Error{path.string() + ":" + *problem};
    try {
      file_ = path.string();
      return walk("", toml::parse(*content, file_));
    } catch (const toml::parse_error& error) {
      return Error{path.string() + ":" + std::to_string(error.source().begin.line) +
                   ": not TOML: " + std::string(error.description())};
    }
  }

  Result<void> walk(const std::string& prefix, const toml::table& table) {
    for (const auto& [name, node] : table) {
      const std::string key = (prefix.empty() ? "" : prefix + ".") + std::string(name.str());
      Result<void> done =
          prefix == "labels" ? put_label(std::string(name.str()), node) : put_member(key, node);
      if (!done) return done;
    }
    return {};
  }

  Result<void> put_member(const std::string& key, const toml::node& node) {
    const std::string place = toml_place(file_, node);
    if (key == "labels" || is_section(key)) {
      if (!node.is_table()) return Error{place + ": " + key + " must be a section: [" + key + "]"};
      return walk(key, *node.as_table());
    }
    if (const SettingSpec* spec = find(key)) {
      Result<SettingValue> value = read_setting(*spec, key, node, place);
      if (!value) return value.error();
      settings_.put(key, *std::move(value));
      return {};
    }
    for (const TableSpec& spec : tables_) {
      if (spec.name != key) continue;
      auto read = TableReader(file_, settings_.warnings_).read(spec, key, node);
      if (!read) return read.error();
      settings_.tables_[key] = *std::move(read);
      return {};
    }
    settings_.warnings_.push_back(unknown_key(place, key, known_keys()));
    return {};
  }

  Result<void> put_label(const std::string& name, const toml::node& node) {
    const std::string place = toml_place(file_, node);
    SeriesDef probe;
    probe.name = "label";
    if (!node.is_string()) return Error{place + ": labels." + name + " must be a text in quotes"};
    probe.labels = {{name, node.as_string()->get()}};
    if (const std::string problem = series_problem(probe); !problem.empty()) {
      return Error{place + ": labels." + name + ": " + problem};
    }
    if (settings_.labels_.size() == most_common_labels()) {
      return Error{place + ": labels." + name + ": more than " +
                   std::to_string(most_common_labels()) + " labels"};
    }
    settings_.labels_[name] = node.as_string()->get();
    return {};
  }

  [[nodiscard]] bool is_section(const std::string& key) const {
    return std::any_of(specs_.begin(), specs_.end(),
                       [&](const SettingSpec& spec) { return spec.key.starts_with(key + "."); });
  }

  [[nodiscard]] std::vector<std::pair<std::string, std::string>> known_keys() const {
    std::vector<std::pair<std::string, std::string>> known = {{"labels", ""}};
    for (const TableSpec& spec : tables_) known.emplace_back(spec.name, "");
    for (const SettingSpec& spec : specs_) {
      known.emplace_back(spec.key, spec.known_as);
      for (auto dot = spec.key.find('.'); dot != std::string::npos;
           dot = spec.key.find('.', dot + 1))
        known.emplace_back(spec.key.substr(0, dot), "");
    }
    return known;
  }

  Result<void> read_environment() {
    for (const SettingSpec& spec : specs_) {
      const std::string variable = environment_variable(spec.key);
      for (const auto& [name, text] : source_.environment) {
        if (name != variable) continue;
        if (Result<void> set = put(spec, text, variable); !set) return set;
      }
    }
    warn_of_unknown_variables();
    return {};
  }

  // Those of other roles may well be set too.
  [[nodiscard]] bool stands_in_files_alone(const std::string& variable) const {
    return variable == environment_variable("labels") ||
           std::any_of(tables_.begin(), tables_.end(), [&](const TableSpec& spec) {
             return variable == environment_variable(spec.name);
           });
  }
  void warn_of_unknown_variables() {
    std::vector<std::string> known;
    for (const std::string& key : every_setting_key()) known.push_back(environment_variable(key));
    const std::vector<std::string_view> candidates(known.begin(), known.end());
    for (const auto& [name, text] : source_.environment) {
      if (!name.starts_with("VOLTA_") || std::count(known.begin(), known.end(), name) > 0) continue;
      if (stands_in_files_alone(name)) {
        settings_.warnings_.push_back(name + " is not read: its sections stand in the file alone");
        continue;
      }
      settings_.warnings_.push_back("unknown variable " + name + did_you_mean(name, candidates));
    }
  }

  Result<void> check_host_names() {
    if (find("http.allowed_hosts") == nullptr) return {};
    for (const std::string& name : settings_.list("http.allowed_hosts")) {
      HostPort address{name, 80};
      if (!parse_host_port(to_text(address)))
        return Error{settings_.value("http.allowed_hosts").origin + ": http.allowed_hosts: '" +
                     name + "' is not the name or address of a host"};
    }
    return {};
  }

  // What is the name of nothing would leave out nothing, and nobody would see.
  Result<void> check_disabled_metrics() {
    if (find("metrics.disable") == nullptr) return {};
    std::vector<std::string_view> names;
    for (const Metric& known : catalogue()) names.push_back(known.name);
    for (const std::string& glob : settings_.list("metrics.disable")) {
      if (std::any_of(names.begin(), names.end(),
                      [&](std::string_view name) { return glob_match(glob, name); }))
        continue;
      return Error{settings_.value("metrics.disable").origin + ": metrics.disable: '" + glob +
                   "' is the name of no metric (volta metrics prints them all; * stands for "
                   "anything)" +
                   did_you_mean(glob, names)};
    }
    return {};
  }

  const SettingsSource& source_;
  const std::vector<SettingSpec> specs_;
  const std::vector<TableSpec> tables_;
  std::string file_;
  Settings settings_;
};

std::span<const SettingTable> Settings::tables(const std::string& name) const {
  const auto found = tables_.find(name);
  if (found == tables_.end()) return {};
  return found->second;
}

Result<Settings> read_settings(const SettingsSource& source) {
  return SettingsReader(source).read();
}

std::vector<std::filesystem::path> default_config_paths(std::string_view role) {
  const std::string file = std::string(role) + ".toml";
  std::vector<std::filesystem::path> paths = {std::filesystem::path("/etc/volta") / file};
  if (::geteuid() != 0) paths.push_back(base_dir("XDG_CONFIG_HOME", ".config") / "volta" / file);
  return paths;
}

std::filesystem::path default_data_dir(std::string_view role) {
  if (::geteuid() == 0) return std::filesystem::path("/var/lib/volta") / role;
  return base_dir("XDG_DATA_HOME", ".local/share") / "volta" / role;
}

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos)
      out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

}  // namespace volta
