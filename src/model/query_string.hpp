// The query part of a URL as its parameters. Outside bytes: anything may stand there.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/http.hpp"

namespace volta {

// More pairs than this are refused.
inline constexpr std::size_t kMostQueryPairs = 256;

// "a=1&b=x%20y" -> its pairs in their order; without the leading '?'. `+` stands for a blank. A key
// without '=' has the empty value, empty pieces between two '&' are skipped. Refused: a key that
// comes twice, an empty key, a broken escape, NUL, and what is not UTF-8 once decoded.
Result<QueryParameters> parse_query(std::string_view query);

// Pairs in their order; a key may come more than once (`match[]=a&match[]=b`), and forms too are
// such pairs.
struct QueryPairs {
  std::vector<std::pair<std::string, std::string>> items;
  // Of several the first.
  [[nodiscard]] std::optional<std::string_view> first(std::string_view key) const;
  [[nodiscard]] std::vector<std::string_view> all(std::string_view key) const;
};
// As parse_query, but for keys that come twice; more than `most` pairs are refused.
Result<QueryPairs> parse_query_pairs(std::string_view query, std::size_t most = kMostQueryPairs);

// Undoes %XX once; empty if a '%' is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

// %XX for all but letters, digits and `-._~`.
std::string percent_encode(std::string_view text);

}  // namespace volta
