#include "model/matcher.hpp"

#include <algorithm>

#include <re2/re2.h>

#include "model/names.hpp"

namespace volta {
namespace {

constexpr std::int64_t kMostRegexBytes = 1 << 20;
constexpr std::string_view kSpecial = R"(\.+*?()[]{}^$)";

// The words of `a|b|c`; empty where the expression is more than that.
std::vector<std::string> words_of(std::string_view expression) {
  std::vector<std::string> words;
  if (expression.find_first_of(kSpecial) != std::string_view::npos) return words;
  for (std::size_t begin = 0;;) {
    const std::size_t bar = std::min(expression.find('|', begin), expression.size());
    words.emplace_back(expression.substr(begin, bar - begin));
    if (bar == expression.size()) break;
    begin = bar + 1;
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

std::string quoted_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string_view symbol(MatchOp op) {
  switch (op) {
    case MatchOp::equal:
      return "=";
    case MatchOp::not_equal:
      return "!=";
    case MatchOp::regex:
      return "=~";
    case MatchOp::not_regex:
      break;
  }
  return "!~";
}

}  // namespace

LabelMatcher LabelMatcher::equal(std::string name, std::string value) {
  LabelMatcher matcher(std::move(name), MatchOp::equal, std::move(value));
  matcher.exact_ = {matcher.value_};
  return matcher;
}

Result<LabelMatcher> LabelMatcher::make(std::string name, MatchOp op, std::string value) {
  if (op == MatchOp::equal) return equal(std::move(name), std::move(value));
  LabelMatcher matcher(std::move(name), op, std::move(value));
  if (op == MatchOp::not_equal) return matcher;
  if (op == MatchOp::regex) matcher.exact_ = words_of(matcher.value_);
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(kMostRegexBytes);
  auto regex = std::make_shared<const re2::RE2>(matcher.value_, options);
  if (!regex->ok()) {
    return Error{"the regular expression \"" + matcher.value_ +
                 "\" does not compile: " + regex->error()};
  }
  matcher.regex_ = std::move(regex);
  return matcher;
}

bool LabelMatcher::matches(std::string_view label_value) const {
  switch (op_) {
    case MatchOp::equal:
      return label_value == value_;
    case MatchOp::not_equal:
      return label_value != value_;
    default:
      break;
  }
  const re2::StringPiece text(label_value.data(), label_value.size());
  return re2::RE2::FullMatch(text, *regex_) == (op_ == MatchOp::regex);
}

std::string LabelMatcher::text() const {
  std::string out = is_label_name(name_) ? name_ : quoted_text(name_);
  out += symbol(op_);
  return out + quoted_text(value_);
}

}  // namespace volta
