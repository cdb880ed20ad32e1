#include "collect/named_values.hpp"

#include <algorithm>

#include "collect/numbers.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostLines = 4096;

}  // namespace

std::optional<std::size_t> NamedValues::index_of(std::size_t line, std::string_view name) {
  if (line < lines_.size() && lines_[line].name == name) return lines_[line].index;
  const auto found = std::find(names_.begin(), names_.end(), name);
  std::optional<std::size_t> index;
  if (found != names_.end()) index = static_cast<std::size_t>(found - names_.begin());
  if (line >= lines_.size()) lines_.resize(line + 1);
  lines_[line] = {std::string(name), index};
  return index;
}

std::span<const std::optional<std::uint64_t>> NamedValues::parse(std::string_view text) {
  values_.assign(names_.size(), std::nullopt);
  malformed_.assign(names_.size(), false);
  std::size_t number = 0;
  while (const auto line = next_line(text)) {
    if (number >= kMostLines) break;
    std::string_view rest = *line;
    std::string_view name = next_field(rest);
    if (name.ends_with(':')) name.remove_suffix(1);
    const auto index = index_of(number++, name);
    if (!index) continue;
    values_[*index] = next_count(rest);
    malformed_[*index] = !values_[*index];
  }
  return values_;
}

}  // namespace volta
