#include "app/toml_guard.hpp"

#include <algorithm>
#include <cstddef>

namespace volta {
namespace {

constexpr std::size_t kMostDots = 32;  // outside of texts, in one line: more than any key has

// Walks over texts and comments as TOML 1.0 delimits them.
class Walk {
 public:
  explicit Walk(std::string_view content) : rest_(content) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);  // a byte order mark
  }

  std::optional<std::string> run() {
    while (!rest_.empty()) {
      if (rest_.front() == '"' || rest_.front() == '\'') {
        text();
      } else if (rest_.front() == '#') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else if (const char* problem = plain(rest_.front())) {
        return std::to_string(line_) + ": not TOML: " + problem;
      }
    }
    return std::nullopt;
  }

 private:
  const char* plain(char c) {
    if (static_cast<unsigned char>(c) >= 0x80)
      return "a character beyond ASCII outside of quotes and comments";
    if (c == '.' && ++dots_ > kMostDots) return "a key has too many parts";
    step();
    return nullptr;
  }

  void step() {
    if (rest_.front() == '\n') {
      ++line_;
      dots_ = 0;
    }
    rest_.remove_prefix(1);
  }

  // From the opening quote to behind the closing one, or to where it should have been.
  void text() {
    const char quote = rest_.front();
    const std::string three(3, quote);
    const bool lines = rest_.starts_with(three);
    const std::string_view end = lines ? std::string_view(three) : rest_.substr(0, 1);
    rest_.remove_prefix(end.size());
    while (!rest_.empty() && !rest_.starts_with(end) && (lines || rest_.front() != '\n')) {
      if (rest_.front() == '\\' && quote == '"' && rest_.size() > 1) rest_.remove_prefix(1);
      step();
    }
    if (rest_.starts_with(end)) rest_.remove_prefix(end.size());
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  std::size_t dots_ = 0;
};

}  // namespace

std::optional<std::string> unfit_for_toml_parser(std::string_view content) {
  return Walk(content).run();
}

}  // namespace volta
