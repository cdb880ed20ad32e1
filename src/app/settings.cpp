#include "app/settings.hpp"

#include <algorithm>
#include <cstdlib>

// Its assertions of what comes next fail on bad input, which the code after them refuses properly.
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>
#include <unistd.h>

#include "app/toml_guard.hpp"
#include "base/host_port.hpp"
#include "base/text.hpp"
#include "base/whole_file.hpp"
#include "model/metric.hpp"
#include "model/series.hpp"

namespace volta {
namespace {

constexpr std::size_t kLargestFile = 64U << 10U;
constexpr std::chrono::milliseconds kShortestPeriod{10};
constexpr std::chrono::milliseconds kLongestPeriod = std::chrono::hours(1);
constexpr std::chrono::milliseconds kLongestEnergyPeriod = std::chrono::seconds(30);

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string environment_variable(const SettingSpec& spec) { return "VOLTA_" + upper(spec.key); }

std::vector<SettingSpec> all_specs() {
  using T = SettingType;
  std::vector<SettingSpec> specs = {
      {"http.listen", T::listen, "127.0.0.1:8420", "local server",
       "Where the page and the API answer"},
      {"http.insecure", T::boolean, "false", "local server",
       "Serve plain HTTP beyond loopback too"},
      {"http.allowed_hosts", T::text_list, "", "local server",
       "Names by which browsers reach the page, besides the address itself"},
      {"rpc.listen", T::listen, "127.0.0.1:8421", "server", "Where agents arrive"},
      {"rpc.insecure_plaintext", T::boolean, "false", "server agent",
       "Speak to the other end without encryption beyond loopback"},
      {"agent.server", T::address, "", "agent", "The server's HOST:PORT"},
      {"agent.token_file", T::text, "", "agent", "File with the host token (mode 0600)"},
      {"agent.flush", T::duration, "10s", "agent",
       "How long samples are gathered before they are sent"},
      {"agent.cores", T::cores, "all", "local agent", "Cores on which the sampling thread may run"},
      {"metrics.disable", T::text_list, "", "local agent",
       "Metrics to leave out, by name; * stands for anything"},
      {"metrics.partitions", T::boolean, "false", "local agent", "Block devices: partitions too"},
      {"metrics.network_filesystems", T::boolean, "false", "local agent",
       "Filesystems of other machines too"},
      {"metrics.per_core", T::cores, "all", "local agent", "Cores that get series of their own"},
      {"retention.raw", T::duration, "14d", "local server",
       "How long samples are kept; 0: for ever"},
      {"retention.minute", T::duration, "180d", "local server",
       "How long windows of a minute are kept; 0: for ever"},
      {"retention.hour", T::duration, "5y", "local server",
       "How long windows of an hour are kept; 0: for ever"},
      {"retention.size", T::size, "", "local server",
       "How large the data directory may grow; 0: no limit; a server's default: 80 % of the disk"},
      {"paths.data", T::text, "", "local server agent", "Data directory"},
      {"paths.procfs", T::text, "/proc", "local agent", "Root of procfs"},
      {"paths.sysfs", T::text, "/sys", "local agent", "Root of sysfs"},
      {"paths.rootfs", T::text, "/", "local agent", "What mount points and /etc are relative to"},
      {"log.level", T::text, "info", "local server agent", "debug, info, warning or error"},
      {"log.format", T::text, "logfmt", "local server agent", "logfmt or json"},
  };
  for (const MetricGroup& group : metric_groups()) {
    if (group.period.count() == 0) continue;  // the server's own numbers are not sampled
    const std::string key = "groups." + std::string(group.name);
    specs.push_back({key + ".enabled", T::boolean, "true", "local agent", std::string(group.help)});
    specs.push_back({key + ".period", T::duration, std::to_string(group.period.count()) + "ms",
                     "local agent", "How often"});
  }
  return specs;
}

// The text of a TOML value if its type fits the setting's; empty otherwise.
std::optional<std::string> toml_text(SettingType type, const toml::node& node) {
  if (const auto* array = node.as_array()) {
    if (type != SettingType::cores && type != SettingType::text_list) return std::nullopt;
    std::string joined;
    for (const toml::node& item : *array) {
      const auto part = item.is_integer() && type == SettingType::cores
                            ? std::to_string(item.as_integer()->get())
                        : item.is_string() ? item.as_string()->get()
                                           : std::string();
      if (part.empty()) return std::nullopt;
      joined += (joined.empty() ? "" : ",") + part;
    }
    return joined;
  }
  if (const auto* text = node.as_string()) {
    if (type == SettingType::boolean) return std::nullopt;
    return text->get();
  }
  if (const auto* flag = node.as_boolean()) {
    if (type != SettingType::boolean) return std::nullopt;
    return flag->get() ? "true" : "false";
  }
  if (const auto* number = node.as_integer()) {
    const bool fits = type == SettingType::size || type == SettingType::cores ||
                      (type == SettingType::duration && number->get() == 0);
    if (fits) return std::to_string(number->get());
  }
  return std::nullopt;
}

std::string type_words(SettingType type) {
  if (type == SettingType::text) return "a text in quotes";
  if (type == SettingType::text_list) return R"(a list of texts such as ["a", "b"])";
  return *Settings::problem(type, "\x01");
}

std::filesystem::path base_dir(const char* variable, const char* below_home) {
  const char* set =
      std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): before any thread starts
  if (set != nullptr && set[0] == '/') return set;
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): as above
  return std::filesystem::path(home != nullptr ? home : "/") / below_home;
}

}  // namespace

std::vector<SettingSpec> setting_specs(std::string_view role) {
  std::vector<SettingSpec> specs = all_specs();
  std::erase_if(specs, [&](const SettingSpec& spec) {
    return (" " + spec.roles + " ").find(" " + std::string(role) + " ") == std::string::npos;
  });
  for (SettingSpec& spec : specs) {
    if (spec.key == "retention.size" && role == "local") spec.fallback = "2GB";
    if (spec.key == "retention.size" && role == "server") spec.fallback = "0";
    if (spec.key == "paths.data") spec.fallback = default_data_dir(role).string();
  }
  return specs;
}

// Puts the layers on top of each other.
class SettingsReader {
 public:
  explicit SettingsReader(const SettingsSource& source)
      : source_(source), specs_(setting_specs(source.role)) {}

  Result<Settings> read() {
    for (const SettingSpec& spec : specs_) settings_.values_[spec.key] = {spec.fallback, "default"};
    if (Result<void> file = read_file(); !file) return file.error();
    if (Result<void> environment = read_environment(); !environment) return environment.error();
    for (const auto& flag : source_.flags) {
      if (Result<void> set = put(*find(flag.key), flag.text, flag.name); !set) return set.error();
    }
    return check_words();
  }

 private:
  [[nodiscard]] const SettingSpec* find(std::string_view key) const {
    const auto found = std::find_if(specs_.begin(), specs_.end(),
                                    [&](const SettingSpec& spec) { return spec.key == key; });
    return found == specs_.end() ? nullptr : &*found;
  }

  Result<void> put(const SettingSpec& spec, const std::string& text, const std::string& origin) {
    if (const auto expected = Settings::problem(spec.type, text)) {
      return Error{origin + ": " + spec.key + " = '" + text + "' is not " + *expected};
    }
    settings_.values_[spec.key] = {text, origin};
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
      return walk("", toml::parse(*content, path.string()), path.string());
    } catch (const toml::parse_error& error) {
      return Error{path.string() + ":" + std::to_string(error.source().begin.line) +
                   ": not TOML: " + std::string(error.description())};
    }
  }

  Result<void> walk(const std::string& prefix, const toml::table& table, const std::string& file) {
    for (const auto& [name, node] : table) {
      const std::string key =
          prefix.empty() ? std::string(name.str()) : prefix + "." + std::string(name.str());
      std::string place = file + ":" + std::to_string(node.source().begin.line);
      if (prefix == "labels") {
        if (Result<void> label = put_label(std::string(name.str()), node, place); !label)
          return label;
      } else if (key == "labels" || is_section(key)) {
        if (!node.is_table())
          return Error{place.append(": ").append(key).append(" must be a section: [").append(key) +
                       "]"};
        if (Result<void> inner = walk(key, *node.as_table(), file); !inner) return inner;
      } else if (const SettingSpec* spec = find(key)) {
        const auto text = toml_text(spec->type, node);
        if (!text)
          return Error{place.append(": ").append(key).append(" must be ") + type_words(spec->type)};
        if (Result<void> set = put(*spec, *text, place); !set) return set;
      } else {
        warn_unknown(place, key);
      }
    }
    return {};
  }

  Result<void> put_label(const std::string& name, const toml::node& node,
                         const std::string& place) {
    SeriesDef probe;
    probe.name = "label";
    if (!node.is_string()) return Error{place + ": labels." + name + " must be a text in quotes"};
    probe.labels = {{name, node.as_string()->get()}};
    if (const std::string problem = series_problem(probe); !problem.empty()) {
      return Error{place + ": labels." + name + ": " + problem};
    }
    settings_.labels_[name] = node.as_string()->get();
    return {};
  }

  [[nodiscard]] bool is_section(const std::string& key) const {
    return std::any_of(specs_.begin(), specs_.end(),
                       [&](const SettingSpec& spec) { return spec.key.starts_with(key + "."); });
  }

  void warn_unknown(const std::string& place, const std::string& key) {
    std::vector<std::string_view> known = {"labels"};
    for (const SettingSpec& spec : specs_) {
      known.emplace_back(spec.key);
      known.emplace_back(std::string_view(spec.key).substr(0, spec.key.rfind('.')));
    }
    std::string text = place + ": unknown key " + key;
    if (const auto near = nearest(key, known)) text += "; did you mean " + std::string(*near) + "?";
    settings_.warnings_.push_back(text);
  }

  Result<void> read_environment() {
    for (const SettingSpec& spec : specs_) {
      const std::string variable = environment_variable(spec);
      for (const auto& [name, text] : source_.environment) {
        if (name != variable) continue;
        if (Result<void> set = put(spec, text, variable); !set) return set;
      }
    }
    warn_of_unknown_variables();
    return {};
  }

  // Those of other roles may well be set too.
  void warn_of_unknown_variables() {
    std::vector<std::string> known;
    for (const SettingSpec& spec : all_specs()) known.push_back(environment_variable(spec));
    const std::vector<std::string_view> candidates(known.begin(), known.end());
    for (const auto& [name, text] : source_.environment) {
      if (!name.starts_with("VOLTA_") || std::count(known.begin(), known.end(), name) > 0) continue;
      std::string warning = "unknown variable " + name;
      if (const auto near = nearest(name, candidates))
        warning += "; did you mean " + std::string(*near) + "?";
      settings_.warnings_.push_back(warning);
    }
  }

  Result<Settings> check_words() {
    const auto one_of = [&](const std::string& key,
                            std::span<const std::string_view> words) -> Result<void> {
      const SettingValue& value = settings_.values_.at(key);
      if (std::find(words.begin(), words.end(), value.text) != words.end()) return {};
      std::string allowed;
      for (const std::string_view word : words)
        allowed += (allowed.empty() ? "" : ", ") + std::string(word);
      return Error{value.origin + ": " + key + " = '" + value.text + "' is not one of " + allowed};
    };
    static constexpr std::string_view kLevels[] = {"debug", "info", "warning", "error"};
    static constexpr std::string_view kFormats[] = {"logfmt", "json"};
    if (Result<void> level = one_of("log.level", kLevels); !level) return level.error();
    if (Result<void> format = one_of("log.format", kFormats); !format) return format.error();
    if (Result<void> periods = check_periods(); !periods) return periods.error();
    if (Result<void> names = check_host_names(); !names) return names.error();
    return std::move(settings_);
  }

  // What energy is counted from needs more than one reading a minute: longer intervals may hide a
  // wrap of the counter, and energy/ withholds them.
  Result<void> check_periods() {
    for (const auto& [key, value] : settings_.values_) {
      if (!key.starts_with("groups.") || !key.ends_with(".period")) continue;
      const bool counts_energy = key == "groups.energy.period" || key == "groups.battery.period" ||
                                 key == "groups.sensor.period";
      const auto period = settings_.duration(key);
      if (period >= kShortestPeriod &&
          period <= (counts_energy ? kLongestEnergyPeriod : kLongestPeriod))
        continue;
      return Error{value.origin + ": " + key + " = '" + value.text +
                   "' is not a duration from 10ms to " + (counts_energy ? "30s" : "1h")};
    }
    return {};
  }

  Result<void> check_host_names() {
    const auto value = settings_.values_.find("http.allowed_hosts");
    if (value == settings_.values_.end()) return {};
    for (const std::string& name : settings_.list("http.allowed_hosts")) {
      HostPort address{name, 80};
      if (!parse_host_port(to_text(address)))
        return Error{value->second.origin + ": http.allowed_hosts: '" + name +
                     "' is not the name or address of a host"};
    }
    return {};
  }

  const SettingsSource& source_;
  std::vector<SettingSpec> specs_;
  Settings settings_;
};

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

std::string settings_template(std::string_view role) {
  std::string out = "# volta " + std::string(role) +
                    ": every setting with its default. Remove the # to change one.\n";
  out +=
      "# Each can also be set by the environment: VOLTA_<SECTION>_<KEY>, for example "
      "VOLTA_LOG_LEVEL=debug.\n";
  std::string section;
  for (const SettingSpec& spec : setting_specs(role)) {
    const auto dot = spec.key.rfind('.');
    if (spec.key.substr(0, dot) != section) {
      section = spec.key.substr(0, dot);
      out += "\n[" + section + "]\n";
    }
    const bool bare = spec.type == SettingType::boolean;
    const std::string quoted = spec.type == SettingType::text_list ? "[]"
                               : bare                              ? spec.fallback
                                                                   : '"' + spec.fallback + '"';
    out += "# " + spec.help + "\n#" + spec.key.substr(dot + 1) + " = " + quoted + "\n";
  }
  if (role != "server") out += "\n# Put on every series of this host.\n[labels]\n#rack = \"a1\"\n";
  return out;
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
