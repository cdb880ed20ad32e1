// Whether an expression makes sense: arguments of the right kinds, operators between what they can
// join, selectors that select something.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "query/ast.hpp"
#include "query/parse_error.hpp"

namespace volta::promql {

// The first mistake, in Prometheus' order and words. Also completes the tree: set operators become
// many-to-many, and matching clauses that mean nothing (a side is a scalar) are taken away.
std::optional<ParseError> check_types(Expr& expression, std::string_view text);

// As an error text, "" if there is none: a name given both before and within the braces.
std::string name_problem(const VectorSelector& selector);
// Whether some matcher does not match a missing label, so that not every series is meant.
bool selects_something(const Matchers& matchers);

}  // namespace volta::promql
