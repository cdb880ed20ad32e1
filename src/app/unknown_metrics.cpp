#include "app/unknown_metrics.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "query/parser.hpp"

namespace volta {
namespace {

// Trees are at most promql::kMostTreeLevels high.
class NameFinder {
 public:
  explicit NameFinder(std::vector<std::string>& names) : names_(names) {}

  void operator()(const promql::ExprPtr& expression) {
    if (expression) std::visit(*this, expression->node);
  }
  void operator()(const promql::NumberLiteral& /*node*/) {}
  void operator()(const promql::StringLiteral& /*node*/) {}
  void operator()(const promql::VectorSelector& node) {
    if (!node.name.empty() && std::find(names_.begin(), names_.end(), node.name) == names_.end())
      names_.push_back(node.name);
  }
  void operator()(const promql::MatrixSelector& node) { (*this)(node.selector); }
  void operator()(const promql::Subquery& node) { (*this)(node.inner); }
  void operator()(const promql::Call& node) {
    for (const promql::ExprPtr& argument : node.arguments) (*this)(argument);
  }
  void operator()(const promql::Aggregate& node) {
    (*this)(node.parameter);
    (*this)(node.inner);
  }
  void operator()(const promql::Binary& node) {
    (*this)(node.left);
    (*this)(node.right);
  }
  void operator()(const promql::Unary& node) { (*this)(node.inner); }
  void operator()(const promql::Parenthesis& node) { (*this)(node.inner); }

 private:
  std::vector<std::string>& names_;
};

}  // namespace

std::vector<std::string> metrics_in(std::string_view expression) {
  std::vector<std::string> names;
  const auto parsed = promql::parse(expression);
  NameFinder find(names);
  if (parsed) find(*parsed);
  return names;
}

std::string unknown_metrics_text(const std::vector<std::string>& asked,
                                 const std::vector<std::string>& known) {
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  std::string out;
  for (const std::string& name : asked) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    out += "there is no metric " + printable(name);
    if (const auto meant = nearest(name, candidates))
      out += "; did you mean " + printable(*meant) + "?";
    out += '\n';
  }
  return out;
}

}  // namespace volta
