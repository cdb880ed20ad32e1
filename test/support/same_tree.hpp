// Whether two PromQL expressions are the same but for where they stand in their text.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "query/ast.hpp"

namespace volta::promql {

bool same_tree(const Expr& a, const Expr& b);

struct SameNode {
  static bool same(const ExprPtr& a, const ExprPtr& b) {
    return (a == nullptr) == (b == nullptr) && (a == nullptr || same_tree(*a, *b));
  }
  static bool same(const TimeModifier& a, const TimeModifier& b) {
    return a.offset_ms == b.offset_ms && a.at == b.at && a.at_ms == b.at_ms;
  }
  static bool same(const LabelMatcher& a, const LabelMatcher& b) {
    return a.name() == b.name() && a.op() == b.op() && a.value() == b.value();
  }
  static bool same(const VectorMatching& a, const VectorMatching& b) {
    return a.cardinality == b.cardinality && a.on == b.on && a.labels == b.labels &&
           a.include == b.include;
  }

  bool operator()(const NumberLiteral& a, const NumberLiteral& b) const {
    if (std::isnan(a.value)) return std::isnan(b.value);
    return a.value == b.value && std::signbit(a.value) == std::signbit(b.value);
  }
  bool operator()(const StringLiteral& a, const StringLiteral& b) const {
    return a.value == b.value;
  }
  bool operator()(const VectorSelector& a, const VectorSelector& b) const {
    return a.name == b.name && same(a.time, b.time) &&
           std::equal(a.matchers.begin(), a.matchers.end(), b.matchers.begin(), b.matchers.end(),
                      [](const LabelMatcher& x, const LabelMatcher& y) { return same(x, y); });
  }
  bool operator()(const MatrixSelector& a, const MatrixSelector& b) const {
    return a.range_ms == b.range_ms && (*this)(a.selector, b.selector);
  }
  bool operator()(const Subquery& a, const Subquery& b) const {
    return a.range_ms == b.range_ms && a.step_ms == b.step_ms && same(a.time, b.time) &&
           same(a.inner, b.inner);
  }
  bool operator()(const Call& a, const Call& b) const {
    return a.function == b.function &&
           std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(),
                      b.arguments.end(),
                      [](const ExprPtr& x, const ExprPtr& y) { return same(x, y); });
  }
  bool operator()(const Aggregate& a, const Aggregate& b) const {
    return a.op == b.op && a.labels == b.labels && a.without == b.without &&
           same(a.inner, b.inner) && same(a.parameter, b.parameter);
  }
  bool operator()(const Binary& a, const Binary& b) const {
    return a.op == b.op && a.return_bool == b.return_bool && same(a.matching, b.matching) &&
           same(a.left, b.left) && same(a.right, b.right);
  }
  bool operator()(const Unary& a, const Unary& b) const {
    return a.minus == b.minus && same(a.inner, b.inner);
  }
  bool operator()(const Parenthesis& a, const Parenthesis& b) const {
    return same(a.inner, b.inner);
  }
  template <typename A, typename B>
  bool operator()(const A& /*a*/, const B& /*b*/) const {
    return false;
  }
};

inline bool same_tree(const Expr& a, const Expr& b) {
  return a.levels == b.levels && std::visit(SameNode{}, a.node, b.node);
}

}  // namespace volta::promql
