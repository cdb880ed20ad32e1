// The text that stands for a match, as label_replace() and relabel rules write it: $1, ${1}, $name
// and ${name} are groups of the expression, $$ is a dollar. As Go's regexp expands it: a group that
// the expression lacks, or that took no part in the match, is empty.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
class StringPiece;
}  // namespace re2

namespace volta {

class RegexTemplate {
 public:
  RegexTemplate() = default;
  RegexTemplate(std::string_view text, const re2::RE2& regex);

  // `groups`: of the match, the whole of it first. Empty: it would be longer than `most_bytes`.
  [[nodiscard]] std::optional<std::string> expand(std::span<const re2::StringPiece> groups,
                                                  std::size_t most_bytes) const;

 private:
  struct Piece {
    std::string literal;  // comes first
    std::size_t group;    // kNone: nothing behind it
  };
  static constexpr std::size_t kNone = SIZE_MAX;

  std::vector<Piece> pieces_;
};

}  // namespace volta
