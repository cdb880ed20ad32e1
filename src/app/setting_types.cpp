// What the types of settings look like as text, and how a checked text is read.
#include <algorithm>
#include <charconv>

#include "app/settings.hpp"
#include "base/assert.hpp"
#include "base/host_port.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

constexpr int kLargestCore = 8191;  // the kernel's NR_CPUS on x86-64

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

}  // namespace

std::optional<std::string> Settings::problem(SettingType type, std::string_view text) {
  switch (type) {
    case SettingType::text:
    case SettingType::text_list:
      return std::nullopt;
    case SettingType::boolean:
      if (text == "true" || text == "false") return std::nullopt;
      return "true or false";
    case SettingType::duration:
      if (text == "0" || parse_duration(text)) return std::nullopt;
      return "a duration such as 500ms, 10s, 5m, 2h or 14d";
    case SettingType::size:
      if (parse_size(text)) return std::nullopt;
      return "a size such as 512MB, 2GB or 1GiB (0: no limit)";
    case SettingType::cores:
      if (parse_cores(text)) return std::nullopt;
      return R"("all" or a list of core numbers and ranges such as [0, "2-5"])";
    case SettingType::address: {
      const auto address = parse_host_port(text);
      if (text.empty() || (address && address->port != 0)) return std::nullopt;
      return "HOST:PORT, for example server.example:8421 or [2001:db8::7]:8421";
    }
    case SettingType::listen:
      if (parse_host_port(text)) return std::nullopt;
      return "HOST:PORT, for example 127.0.0.1:8420 or [::1]:8420 (port 0: any free one)";
  }
  return std::nullopt;
}

const std::string& Settings::text(const std::string& key) const {
  const auto found = values_.find(key);
  VOLTA_ASSERT(found != values_.end(), key);
  return found->second.text;
}

bool Settings::boolean(const std::string& key) const { return text(key) == "true"; }

std::chrono::milliseconds Settings::duration(const std::string& key) const {
  if (text(key) == "0") return std::chrono::milliseconds(0);
  return *parse_duration(text(key));
}

std::uint64_t Settings::size(const std::string& key) const { return *parse_size(text(key)); }

std::vector<int> Settings::cores(const std::string& key) const { return *parse_cores(text(key)); }

std::vector<std::string> Settings::list(const std::string& key) const {
  return split(text(key), ',');
}

}  // namespace volta
