#include "fleet/facts.hpp"

#include "base/text.hpp"

namespace volta {
namespace {

constexpr int kDeepest = 8;

// Walks over one JSON text without keeping anything. Every function leaves `rest_` behind what it
// has read and says false where the text is not what it should be.
class JsonWalk {
 public:
  explicit JsonWalk(std::string_view text) : rest_(text) {}

  bool whole_object() {
    skip_space();
    if (!starts('{') || !value(0)) return false;
    skip_space();
    return rest_.empty();
  }

 private:
  [[nodiscard]] bool starts(char c) const { return !rest_.empty() && rest_.front() == c; }
  void skip_space() {
    const auto end = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
  }
  bool take(char c) {
    if (!starts(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  bool value(int depth) {
    if (rest_.empty() || depth > kDeepest) return false;
    switch (rest_.front()) {
      case '{':
        return members(depth, '{', '}');
      case '[':
        return members(depth, '[', ']');
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool members(int depth, char open, char close) {
    take(open);
    skip_space();
    if (take(close)) return true;
    do {
      skip_space();
      if (open == '{') {
        if (!string()) return false;
        skip_space();
        if (!take(':')) return false;
        skip_space();
      }
      if (!value(depth + 1)) return false;
      skip_space();
    } while (take(','));
    return take(close);
  }

  bool string() {
    if (!take('"')) return false;
    while (!rest_.empty()) {
      if (take('"')) return true;
      if (starts('\\')) {
        if (!escape()) return false;
        continue;
      }
      const std::size_t length = utf8_length(rest_);
      if (length == 0 || static_cast<unsigned char>(rest_.front()) < 0x20) return false;
      rest_.remove_prefix(length);
    }
    return false;
  }

  bool escape() {
    take('\\');
    if (!take('u')) {
      const bool known = !rest_.empty() && std::string_view("\"\\/bfnrt").find(rest_.front()) !=
                                               std::string_view::npos;
      if (known) rest_.remove_prefix(1);
      return known;
    }
    if (rest_.size() < 4) return false;
    const bool four =
        rest_.substr(0, 4).find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
    rest_.remove_prefix(4);
    return four;
  }

  bool digits() {
    const auto end = rest_.find_first_not_of("0123456789");
    const std::size_t count = end == std::string_view::npos ? rest_.size() : end;
    rest_.remove_prefix(count);
    return count > 0;
  }

  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::string facts_problem(std::string_view text) {
  if (text.size() > kLargestFactsBytes) return "the host facts are longer than 64 KiB";
  if (!JsonWalk(text).whole_object()) return "the host facts are not one JSON object";
  return "";
}

}  // namespace volta
