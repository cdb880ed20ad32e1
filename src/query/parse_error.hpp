// What is wrong with an expression, and where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace volta::promql {

struct ParseError {
  std::uint32_t begin = 0;  // byte of the expression
  std::string text;
};

constexpr std::size_t kMostErrorBytes = 1000;

// "LINE:COLUMN: parse error: TEXT"; both count from 1, columns in bytes, as Prometheus does. A
// text beyond kMostErrorBytes loses its middle.
Error located(std::string_view expression, const ParseError& error);

}  // namespace volta::promql
