// Any bytes as a PromQL expression: what is accepted prints, in one line and in several, as text
// that parses to the same tree; what is refused says where and why.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "query/parser.hpp"
#include "query/printer.hpp"
#include "support/same_tree.hpp"

namespace {

void check_text(const volta::promql::Expr& tree, const std::string& text) {
  // Escapes and spelt-out defaults may make the printed text longer than what may be read.
  if (text.size() > volta::promql::kMostExpressionBytes) return;
  const auto again = volta::promql::parse(text);
  VOLTA_ASSERT(again, text);
  VOLTA_ASSERT(volta::promql::same_tree(tree, **again), text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto selected = volta::promql::parse_selector(text);
  if (selected) VOLTA_ASSERT(!selected->empty());
  const auto parsed = volta::promql::parse(text);
  if (!parsed) {
    VOLTA_ASSERT(parsed.error().text.find(": parse error: ") != std::string::npos);
    return 0;
  }
  const volta::promql::Expr& tree = **parsed;
  VOLTA_ASSERT(tree.levels <= volta::promql::kMostTreeLevels);
  VOLTA_ASSERT(tree.begin <= tree.end && tree.end <= size);
  check_text(tree, volta::promql::format(tree));
  return 0;
}
