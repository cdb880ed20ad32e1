#include "model/regex_template.hpp"

#include <algorithm>
#include <utility>

#include <re2/re2.h>

#include "base/text.hpp"

namespace volta {
namespace {

bool is_word_byte(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The name behind a dollar, cut off the front of `rest`; empty, and `rest` untouched, where none
// stands.
std::string_view cut_name(std::string_view& rest) {
  const bool braces = rest.starts_with('{');
  const std::string_view inner = rest.substr(braces ? 1 : 0);
  const auto size = static_cast<std::size_t>(
      std::find_if_not(inner.begin(), inner.end(), is_word_byte) - inner.begin());
  if (size == 0 || (braces && (size == inner.size() || inner[size] != '}'))) return {};
  rest.remove_prefix(size + (braces ? 2 : 0));
  return inner.substr(0, size);
}

// The number of the group; empty: there is no such group.
std::optional<std::size_t> group_of(std::string_view name, const re2::RE2& regex) {
  if (name.find_first_not_of("0123456789") == std::string_view::npos) {
    const auto number = parse_integer<std::size_t>(name);
    const auto groups = static_cast<std::size_t>(regex.NumberOfCapturingGroups());
    return number && *number <= groups ? number : std::nullopt;
  }
  const auto found = regex.NamedCapturingGroups().find(std::string(name));
  if (found == regex.NamedCapturingGroups().end()) return std::nullopt;
  return static_cast<std::size_t>(found->second);
}

}  // namespace

RegexTemplate::RegexTemplate(std::string_view text, const re2::RE2& regex) {
  std::string literal;
  while (!text.empty()) {
    const std::size_t dollar = std::min(text.find('$'), text.size());
    literal += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) break;
    text.remove_prefix(1);
    const std::string_view name = text.starts_with('$') ? std::string_view() : cut_name(text);
    if (name.empty()) {
      literal += '$';
      if (text.starts_with('$')) text.remove_prefix(1);
      continue;
    }
    pieces_.push_back({std::exchange(literal, {}), group_of(name, regex).value_or(kNone)});
  }
  pieces_.push_back({std::move(literal), kNone});
}

std::optional<std::string> RegexTemplate::expand(std::span<const re2::StringPiece> groups,
                                                 std::size_t most_bytes) const {
  std::string out;
  for (const auto& [literal, group] : pieces_) {
    out += literal;
    if (group < groups.size() && !groups[group].empty()) {
      out.append(groups[group].data(), groups[group].size());
    }
    if (out.size() > most_bytes) return std::nullopt;
  }
  return out;
}

}  // namespace volta
