// One condition on a label, as selectors, match[] parameters, remote reads and relabel rules have
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace re2 {
class RE2;
}

namespace volta {

enum class MatchOp : std::uint8_t { equal, not_equal, regex, not_regex };

// Copies share the compiled expression. Immutable; thread-safe.
class LabelMatcher {
 public:
  // Regular expressions are RE2's, match the whole value, and '.' matches newlines too. An Error:
  // the expression does not compile, or needs more than 1 MiB when compiled.
  static Result<LabelMatcher> make(std::string name, MatchOp op, std::string value);
  // Never fails for `equal` and `not_equal`.
  static LabelMatcher equal(std::string name, std::string value);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] MatchOp op() const { return op_; }
  [[nodiscard]] const std::string& value() const { return value_; }
  // A series without the label has the value "".
  [[nodiscard]] bool matches(std::string_view label_value) const;
  // Exactly the values that match, where these can be told without looking at any series: of
  // `equal` its one value, of a `regex` that is only an alternation of plain words these. Else
  // empty.
  [[nodiscard]] std::span<const std::string> exact_values() const { return exact_; }

  // a="b", quoted as PromQL does, names beyond [a-zA-Z_][a-zA-Z0-9_]* too (Prometheus 3).
  [[nodiscard]] std::string text() const;

 private:
  LabelMatcher(std::string name, MatchOp op, std::string value)
      : name_(std::move(name)), op_(op), value_(std::move(value)) {}

  std::string name_;
  MatchOp op_;
  std::string value_;
  std::vector<std::string> exact_;
  std::shared_ptr<const re2::RE2> regex_;  // null for equal and not_equal
};

using Matchers = std::vector<LabelMatcher>;

}  // namespace volta
