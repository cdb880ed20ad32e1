// PromQL's text to a checked tree, by precedence climbing. Accepts what Prometheus 3 does without
// its feature flags, and experimental functions that are in the table. Bounded in what it takes
// from whoever asks: length of the text, height of the tree, number of regular expressions.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.hpp"
#include "query/ast.hpp"

namespace volta::promql {

constexpr std::size_t kMostExpressionBytes = std::size_t{64} << 10U;

// Never null. Type-checked: an evaluator may rely on argument counts and kinds. An Error reads
// "LINE:COLUMN: parse error: TEXT", in Prometheus' words where it has some.
Result<ExprPtr> parse(std::string_view text);

// A series selector as match[] has it: `up`, `{job="x"}`, `up{job="x"}`. Its name is a matcher of
// `__name__`. At least one matcher must not match the empty string.
Result<Matchers> parse_selector(std::string_view text);

}  // namespace volta::promql
