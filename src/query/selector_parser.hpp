// The parts of an expression that hold no expression themselves: selectors, lists of labels,
// numbers and durations. Each reads from the stream; if the stream has failed afterwards, what came
// back means nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/regex_budget.hpp"
#include "query/ast.hpp"
#include "query/token_stream.hpp"

namespace volta::promql {

// Whether this token can be the name of a metric: names, and most of the keywords.
bool is_metric_name(TokenKind kind);

// Reads the selectors of one text, and counts their regular expressions.
class SelectorParser {
 public:
  explicit SelectorParser(TokenStream& tokens) : tokens_(tokens) {}
  // What comes after `name`, a token that was taken already: {...} or nothing.
  VectorSelector with_name(const Token& name);
  // {...}
  VectorSelector without_name();

 private:
  void matchers(Matchers& out);
  void matcher(Matchers& out);
  void add(const Token& label, MatchOp op, std::string value, Matchers& out);

  TokenStream& tokens_;
  RegexBudget regexes_;
};

// (a, "b c", by)
std::vector<std::string> parse_grouping_labels(TokenStream& tokens);

// The value of a token that is a number or a duration (that in seconds).
double number_value(TokenStream& tokens, const Token& token);
// The next tokens as a length of time: a duration or a number of seconds. `where` and `expected`
// are for the error text.
struct DurationPlace {
  std::string_view where;
  std::string_view expected;
};
std::int64_t parse_duration_token(TokenStream& tokens, const DurationPlace& place);
// The same for a range or a step, which must be positive.
std::int64_t parse_range_token(TokenStream& tokens, const DurationPlace& place);

}  // namespace volta::promql
