#include "query/parse_error.hpp"

#include <algorithm>

namespace volta::promql {
namespace {

// Some texts quote what was written, whatever its length: from the middle of these is left out.
std::string shortened(const std::string& text) {
  if (text.size() <= kMostErrorBytes) return text;
  const auto continues = [&](std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  std::size_t head = kMostErrorBytes / 2;
  while (head > 0 && continues(head)) --head;
  std::size_t tail = text.size() - kMostErrorBytes / 2;
  while (continues(tail)) ++tail;
  return text.substr(0, head) + " ... " + text.substr(tail);
}

}  // namespace

Error located(std::string_view expression, const ParseError& error) {
  const std::string_view before =
      expression.substr(0, std::min<std::size_t>(error.begin, expression.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_break = before.rfind('\n');
  const std::size_t column =
      line_break == std::string_view::npos ? before.size() + 1 : before.size() - line_break;
  return Error{std::to_string(line) + ":" + std::to_string(column) +
               ": parse error: " + shortened(error.text)};
}

}  // namespace volta::promql
