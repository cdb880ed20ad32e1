#include "model/regex_budget.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace volta {
namespace {

constexpr std::size_t kClassWeight = 500;       // some of Unicode's have so many ranges
constexpr std::size_t kMostRepetitions = 1000;  // RE2 refuses more
constexpr std::size_t kTooMuch = kMostRegexWeight + 1;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// {n}, {n,} or {n,m} at the beginning of `text`.
struct Repetition {
  std::size_t most = 0;   // the larger count
  std::size_t bytes = 0;  // of its text
};
std::optional<Repetition> repetition(std::string_view text) {
  std::size_t at = 1;
  const auto number = [&] {
    std::size_t count = 0;
    for (; at < text.size() && is_digit(text[at]); ++at) {
      count = std::min(count * 10 + static_cast<std::size_t>(text[at] - '0'), kMostRepetitions);
    }
    return count;
  };
  const std::size_t least = number();
  if (at == 1 || at == text.size()) return std::nullopt;
  std::size_t most = least;
  if (text[at] == ',') {
    ++at;
    most = std::max(least, number());
  }
  if (at >= text.size() || text[at] != '}') return std::nullopt;
  return Repetition{std::max<std::size_t>(most, 1), at + 1};
}

// Walks over the text once and adds up what stands side by side; of an expression that does not
// compile any number will do.
class Weigher {
 public:
  explicit Weigher(std::string_view text) : text_(text) {}

  std::size_t run() {
    while (at_ < text_.size()) step();
    while (open_.size() > 1) close();
    return add(open_.back().total, open_.back().last);
  }

 private:
  struct Group {
    std::size_t total = 0;  // of what lies before
    std::size_t last = 0;   // the part that a repetition behind it repeats
  };

  static std::size_t add(std::size_t a, std::size_t b) { return std::min(a + b, kTooMuch); }

  void step() {
    switch (text_[at_]) {
      case '(':
        ++at_;
        part(0);
        open_.push_back({1, 0});
        return;
      case ')':
        ++at_;
        if (open_.size() > 1) return close();
        return part(1);
      case '[':
        return character_class();
      case '{':
        if (const auto repeated = repetition(text_.substr(at_))) {
          at_ += repeated->bytes;
          Group& group = open_.back();
          group.last = std::min(group.last * repeated->most, kTooMuch);
          group.total = add(group.total, repeated->bytes);
          return;
        }
        break;
      case '*':
      case '+':
      case '?':
        ++at_;
        open_.back().total = add(open_.back().total, 1);
        return;
      case '\\':
        return part(escape());
      default:
        break;
    }
    ++at_;
    part(1);
  }

  void part(std::size_t weight) {
    Group& group = open_.back();
    group.total = add(group.total, group.last);
    group.last = weight;
  }
  void close() {
    const std::size_t weight = add(add(open_.back().total, open_.back().last), 1);
    open_.pop_back();
    part(weight);
  }
  std::size_t escape() {
    const std::size_t bytes = std::min<std::size_t>(2, text_.size() - at_);
    const bool named = bytes == 2 && (text_[at_ + 1] == 'p' || text_[at_ + 1] == 'P');
    at_ += bytes;
    if (!named) return bytes;
    // \p{Greek}: its braces repeat nothing.
    const std::size_t before = at_;
    if (at_ < text_.size() && text_[at_] == '{') {
      at_ = std::min(text_.find('}', at_), text_.size() - 1) + 1;
    } else if (at_ < text_.size()) {
      ++at_;
    }
    return kClassWeight + bytes + (at_ - before);
  }
  void character_class() {
    const std::size_t begin = at_++;
    std::size_t weight = 0;
    if (at_ < text_.size() && text_[at_] == '^') ++at_;
    if (at_ < text_.size() && text_[at_] == ']') ++at_;  // first it stands for itself
    while (at_ < text_.size() && text_[at_] != ']') {
      const auto named =
          text_.substr(at_).starts_with("[:") ? text_.find(":]", at_ + 2) : std::string_view::npos;
      if (text_[at_] == '\\') {
        weight = add(weight, escape());
      } else if (named != std::string_view::npos) {
        at_ = named + 2;
      } else {
        ++at_;
      }
    }
    at_ = std::min(at_ + 1, text_.size());
    part(add(weight, at_ - begin));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Group> open_{1};
};

}  // namespace

std::size_t regex_weight(std::string_view regex) { return Weigher(regex).run(); }

Result<void> RegexBudget::take(std::string_view regex) {
  weight_ = std::min(weight_ + regex_weight(regex), kTooMuch);
  if (++count_ > kMostRegexes) {
    return Error{"more than " + std::to_string(kMostRegexes) +
                 " regular expressions in one request"};
  }
  if (weight_ > kMostRegexWeight) {
    return Error{
        "the regular expressions of the request are too large; say it with fewer, shorter "
        "or less often repeated ones"};
  }
  return {};
}

}  // namespace volta
