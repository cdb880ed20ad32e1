// What the types of settings look like as text, and how a checked text is read.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "app/setting_values.hpp"
#include "base/assert.hpp"
#include "base/host_port.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

constexpr int kLargestCore = 8191;  // the kernel's NR_CPUS on x86-64
constexpr std::size_t kLongestMisspelling = 100;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(separator);
    const std::string_view part = trim(text.substr(0, end));
    if (!part.empty()) parts.emplace_back(part);
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {{"", 1},
                                                                          {"B", 1},
                                                                          {"KB", 1000},
                                                                          {"MB", 1000'000},
                                                                          {"GB", 1000'000'000},
                                                                          {"TB", 1000'000'000'000},
                                                                          {"KiB", 1ULL << 10U},
                                                                          {"MiB", 1ULL << 20U},
                                                                          {"GiB", 1ULL << 30U},
                                                                          {"TiB", 1ULL << 40U}};
  const auto digits =
      std::find_if(text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; });
  const auto length = static_cast<std::size_t>(digits - text.begin());
  const auto count = parse_integer<std::uint64_t>(text.substr(0, length));
  const std::string_view unit = trim(text.substr(length));
  for (const auto& [name, factor] : kUnits) {
    std::uint64_t bytes = 0;
    if (count && unit == name && !__builtin_mul_overflow(*count, factor, &bytes)) return bytes;
  }
  return std::nullopt;
}

// Of the disk, in percent: "80%".
std::optional<unsigned> parse_share(std::string_view text) {
  if (text.empty() || text.back() != '%') return std::nullopt;
  const auto percent = parse_integer<unsigned>(text.substr(0, text.size() - 1));
  return percent && *percent >= 1 && *percent <= 100 ? percent : std::nullopt;
}

// Nobody misspells a text of this length, and comparing it would take long.
std::optional<std::string_view> nearest_of(std::string_view word,
                                           std::span<const std::string_view> candidates) {
  return word.size() > kLongestMisspelling ? std::nullopt : nearest(word, candidates);
}

// A url's scheme, host and path are shown and judged; a user, a password, the query may be secrets.
std::optional<std::string> url_problem(std::string_view url) {
  const bool http = url.starts_with("http://") || url.starts_with("https://");
  const auto slashes = url.find("//");
  const std::string_view rest = slashes == std::string_view::npos ? url : url.substr(slashes + 2);
  const std::string_view server = rest.substr(0, rest.find_first_of("/?#"));
  if (server.find('@') != std::string_view::npos)
    return "must not hold a user or password; they have settings of their own";
  const bool plain =
      std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c != 0x7f; });
  if (http && plain && !server.empty() && url.find('#') == std::string_view::npos)
    return std::nullopt;
  return "= '" + std::string(url.substr(0, url.find_first_of("?#"))) +
         "' is not a URL such as https://prometheus.example/api/v1/write";
}

// What ranges are of; empty: not such a text.
std::optional<std::uint64_t> amount(SettingType type, std::string_view text) {
  if (type == SettingType::size) return parse_size(text);
  if (type == SettingType::count) return parse_integer<std::uint64_t>(text);
  if (text == "0") return 0;
  const auto duration = parse_duration(text);
  if (!duration) return std::nullopt;
  return static_cast<std::uint64_t>(duration->count());
}

bool within(const SettingSpec& spec, std::string_view text) {
  const std::string_view range = spec.allowed;
  const auto dots = range.find("..");
  if (dots == std::string_view::npos) return true;
  const auto value = amount(spec.type, text);
  const auto least = amount(spec.type, range.substr(0, dots));
  const auto most = amount(spec.type, range.substr(dots + 2));
  return value && *value >= least.value_or(0) && *value <= most.value_or(UINT64_MAX);
}

std::string range_words(const std::string& allowed) {
  const auto dots = allowed.find("..");
  if (dots == std::string::npos) return "";
  const std::string most = allowed.substr(dots + 2);
  return (most.empty() ? " of at least " : " from ") + allowed.substr(0, dots) +
         (most.empty() ? "" : " to " + most);
}

// What a text of the type looks like.
const char* type_words(SettingType type) {
  switch (type) {
    case SettingType::text:
      return "a text in quotes";
    case SettingType::boolean:
      return "true or false";
    case SettingType::duration:
      return "a duration such as 500ms, 10s, 5m, 2h or 14d";
    case SettingType::size:
      return "a size such as 512MB, 2GB or 1GiB (0: no limit)";
    case SettingType::disk_size:
      return "a size such as 512MB, 2GB or 1GiB, a share of the disk such as 80%, or 0: no limit";
    case SettingType::cores:
      return R"("all" or a list of core numbers and ranges such as [0, "2-5"])";
    case SettingType::text_list:
      return R"(a list of texts such as ["a", "b"], without commas in them)";
    case SettingType::text_map:
      return R"(names and texts such as { name = "text" })";
    case SettingType::text_lists:
      return R"(names with a text or a list of texts such as { name = ["a", "b"] })";
    case SettingType::path:
      return "an absolute path such as /etc/volta/token";
    case SettingType::url:
      return "a URL such as https://prometheus.example/api/v1/write";
    case SettingType::address:
      return "HOST:PORT, for example server.example:8421 or [2001:db8::7]:8421";
    case SettingType::listen:
      return "HOST:PORT, for example 127.0.0.1:8420 or [::1]:8420 (port 0: any free one)";
    case SettingType::word:
    case SettingType::count:
      break;  // said with what is allowed
  }
  return "";
}

// Whether the text is one of the type, whatever its range.
bool is_of_type(SettingType type, std::string_view text) {
  switch (type) {
    case SettingType::boolean:
      return text == "true" || text == "false";
    case SettingType::count:
    case SettingType::duration:
    case SettingType::size:
      return amount(type, text).has_value();
    case SettingType::disk_size:
      return parse_size(text).has_value() || parse_share(text).has_value();
    case SettingType::cores:
      return parse_cores(text).has_value();
    case SettingType::path:
      return text.empty() || (text.front() == '/' && text.find('\0') == std::string_view::npos);
    case SettingType::address: {
      const auto address = parse_host_port(text);
      return text.empty() || (address && address->port != 0);
    }
    case SettingType::listen:
      return parse_host_port(text).has_value();
    default:
      return true;
  }
}

}  // namespace

std::optional<std::vector<int>> parse_cores(std::string_view text) {
  std::vector<int> cores;
  if (text == "all") return cores;
  for (const std::string& part : split(text, ',')) {
    const auto dash = part.find('-');
    const auto first = parse_integer<int>(std::string_view(part).substr(0, dash));
    const auto last = dash == std::string::npos
                          ? first
                          : parse_integer<int>(std::string_view(part).substr(dash + 1));
    if (!first || !last || *first < 0 || *first > *last || *last > kLargestCore)
      return std::nullopt;
    for (int core = *first; core <= *last; ++core) cores.push_back(core);
  }
  if (cores.empty()) return std::nullopt;
  return cores;
}

std::string setting_words(const SettingSpec& spec) {
  if (spec.type == SettingType::word) {
    std::string words;
    for (const std::string& word : split(spec.allowed, ' '))
      words.append(words.empty() ? "" : ", ").append(word);
    return "one of " + words;
  }
  const std::string range = range_words(spec.allowed);
  if (spec.type == SettingType::count) return "a whole number" + range;
  if (range.empty()) return type_words(spec.type);
  return (spec.type == SettingType::size ? "a size" : "a duration") + range;
}

std::optional<std::string> setting_problem(const SettingSpec& spec, std::string_view text) {
  if (spec.type == SettingType::url) return url_problem(text);
  bool good = is_of_type(spec.type, text) && within(spec, text);
  if (spec.type == SettingType::word) {
    const auto words = split(spec.allowed, ' ');
    good = std::find(words.begin(), words.end(), text) != words.end();
  }
  if (good) return std::nullopt;
  // The type says more than the range where the text is not even of the type.
  const bool of_type = spec.type == SettingType::duration && !is_of_type(spec.type, text);
  return "= '" + std::string(text) + "' is not " +
         (of_type ? type_words(spec.type) : setting_words(spec));
}

std::string shown_setting(const SettingSpec& spec, const SettingValue& value) {
  if (spec.type == SettingType::url) {
    const auto query = value.text.find('?');
    return value.text.substr(0, query) + (query == std::string::npos ? "" : "?(not shown)");
  }
  if (spec.type != SettingType::text_map && spec.type != SettingType::text_lists)
    return value.text.empty() ? "\"\"" : printable(value.text);
  std::string out;
  for (const auto& [name, text] : value.pairs) {
    out.append(out.empty() ? "" : ", ").append(printable(name)).append(" = ");
    out += spec.secret ? "(not shown)" : printable(text);
  }
  return "{" + out + "}";
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const auto near = nearest_of(word, candidates);
  return near ? "; did you mean " + std::string(*near) + "?" : "";
}

std::string unknown_key(const std::string& place, const std::string& key,
                        const std::vector<std::pair<std::string, std::string>>& known) {
  std::vector<std::pair<std::string, std::string>> names;  // and what they stand for
  for (const auto& [name, known_as] : known) {
    names.emplace_back(name, name);
    for (const std::string& other : split(known_as, ' '))
      names.emplace_back(name.substr(0, name.rfind('.') + 1) + other, name);
  }
  std::vector<std::string_view> candidates;
  candidates.reserve(names.size());
  for (const auto& [name, meant] : names) candidates.emplace_back(name);
  std::string text = place + ": unknown key " + key;
  const auto near = nearest_of(key, candidates);
  if (!near) return text;
  const auto found = std::find(candidates.begin(), candidates.end(), *near) - candidates.begin();
  return text + "; did you mean " + names[static_cast<std::size_t>(found)].second + "?";
}

const SettingValue& SettingValues::value(const std::string& key) const {
  const auto found = values_.find(key);
  VOLTA_ASSERT(found != values_.end(), key);
  return found->second;
}

std::uint64_t SettingValues::count(const std::string& key) const {
  return *amount(SettingType::count, text(key));
}

std::chrono::milliseconds SettingValues::duration(const std::string& key) const {
  return std::chrono::milliseconds(*amount(SettingType::duration, text(key)));
}

std::uint64_t SettingValues::size(const std::string& key) const { return *parse_size(text(key)); }

std::uint64_t SettingValues::disk_size(const std::string& key,
                                       const std::filesystem::path& folder) const {
  const auto share = parse_share(text(key));
  if (!share) return size(key);
  std::error_code failed;
  std::filesystem::path there = std::filesystem::absolute(folder, failed);
  while (!std::filesystem::exists(there, failed) && there != there.parent_path())
    there = there.parent_path();
  const auto space = std::filesystem::space(there, failed);
  return failed ? 0 : space.capacity / 100 * *share;
}

std::optional<unsigned> SettingValues::disk_share(const std::string& key) const {
  return parse_share(text(key));
}

std::vector<int> SettingValues::cores(const std::string& key) const {
  return *parse_cores(text(key));
}

std::vector<std::string> SettingValues::list(const std::string& key) const {
  return split(text(key), ',');
}

}  // namespace volta
