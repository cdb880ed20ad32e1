#include "query/parse_error.hpp"

#include <algorithm>

namespace volta::promql {

Error located(std::string_view expression, const ParseError& error) {
  const std::string_view before =
      expression.substr(0, std::min<std::size_t>(error.begin, expression.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_break = before.rfind('\n');
  const std::size_t column =
      line_break == std::string_view::npos ? before.size() + 1 : before.size() - line_break;
  return Error{std::to_string(line) + ":" + std::to_string(column) +
               ": parse error: " + error.text};
}

}  // namespace volta::promql
