#include "model/query_string.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace volta {
namespace {

std::optional<std::string> decode_form(std::string_view text) {
  std::string blanks(text);
  std::replace(blanks.begin(), blanks.end(), '+', ' ');
  return percent_decode(blanks);
}

bool is_clean_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || text.front() == '\0') return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 15U];
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    const auto byte = parse_integer<unsigned char>(digits, 16);
    if (digits.size() != 2 || !byte) return std::nullopt;
    out += static_cast<char>(*byte);
    i += 2;
  }
  return out;
}

std::optional<std::string_view> QueryPairs::first(std::string_view key) const {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.first == key; });
  if (found == items.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string_view> QueryPairs::all(std::string_view key) const {
  std::vector<std::string_view> values;
  for (const auto& [name, value] : items) {
    if (name == key) values.push_back(value);
  }
  return values;
}

Result<QueryPairs> parse_query_pairs(std::string_view query, std::size_t most) {
  QueryPairs pairs;
  while (!query.empty()) {
    const std::string_view piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), piece.size() + 1));
    if (piece.empty()) continue;
    const std::size_t equals = std::min(piece.find('='), piece.size());
    auto key = decode_form(piece.substr(0, equals));
    auto value = decode_form(piece.substr(std::min(piece.size(), equals + 1)));
    if (!key || !value) return Error{"the query has a '%' without two hexadecimal digits"};
    if (key->empty()) return Error{"the query has a value without a name"};
    if (!is_clean_text(*key) || !is_clean_text(*value)) {
      return Error{"the query is not UTF-8 text"};
    }
    if (pairs.items.size() == most) {
      return Error{"the query has more than " + std::to_string(most) + " parameters"};
    }
    pairs.items.emplace_back(std::move(*key), std::move(*value));
  }
  return pairs;
}

Result<QueryParameters> parse_query(std::string_view query) {
  auto pairs = parse_query_pairs(query);
  if (!pairs) return pairs.error();
  QueryParameters parameters;
  for (auto& pair : pairs->items) {
    if (parameters.get(pair.first)) {
      return Error{"the parameter '" + pair.first + "' comes more than once"};
    }
    parameters.items.push_back(std::move(pair));
  }
  return parameters;
}

}  // namespace volta
