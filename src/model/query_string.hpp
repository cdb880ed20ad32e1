// The query part of a URL as its parameters. Outside bytes: anything may stand there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/http.hpp"

namespace volta {

// More pairs than this are refused.
inline constexpr std::size_t kMostQueryPairs = 256;

// "a=1&b=x%20y" -> its pairs in their order; without the leading '?'. `+` stands for a blank. A key
// without '=' has the empty value, empty pieces between two '&' are skipped. Refused: a key that
// comes twice, an empty key, a broken escape, NUL, and what is not UTF-8 once decoded.
Result<QueryParameters> parse_query(std::string_view query);

// Undoes %XX once; empty if a '%' is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

// %XX for all but letters, digits and `-._~`.
std::string percent_encode(std::string_view text);

}  // namespace volta
