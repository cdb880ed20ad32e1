// An expression as text again. What is printed parses to the same tree.
#pragma once

#include <cstddef>
#include <string>

#include "query/ast.hpp"

namespace volta::promql {

constexpr std::size_t kWidestLine = 100;
// The usual layout: expressions wider than kWidestLine are broken at operators, arguments and
// parentheses, each level indented by two blanks.
std::string format(const Expr& expression);

}  // namespace volta::promql
