// Small things that one does with text. None of them throws or keeps a pointer.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace volta {

// The whole of `text` as an integer in `base`; empty if anything else is there or it does not fit.
template <typename Integer>
std::optional<Integer> parse_integer(std::string_view text, int base = 10) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// The whole of `text` as a finite decimal number.
std::optional<double> parse_number(std::string_view text);

// Without white space (blank, tab, CR, LF) at both ends.
std::string_view trim(std::string_view text);

// Cuts the next field off the front of `rest`: skips blanks and tabs, takes up to the next one or
// the end. Empty at the end.
std::string_view next_field(std::string_view& rest);

// Cuts the next line (without its LF) off the front of `rest`. Empty once nothing is left.
std::optional<std::string_view> next_line(std::string_view& rest);

// The candidate with the least edit distance to `word` (swapped neighbours count as one), if that
// is near enough to be meant (at most a third of its length, at least 1); the first of equals.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

// `*` stands for any run of characters, the rest for itself; the whole of `text` must fit.
bool glob_match(std::string_view pattern, std::string_view text);

// "500ms", "10s", "5m", "2h", "14d", "1w", "1y" (365 days), and sums like "1h30m".
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// "2026-11-21T03:49:00.123Z"; years 0000 to 9999, others as the nearest of these.
std::string rfc3339(std::int64_t unix_ms);

// RFC 3339 with `Z` or an offset, with or without a fraction -> unix milliseconds.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

// For a terminal: control bytes and what is not UTF-8 as \xNN.
std::string printable(std::string_view text);

// Length in bytes of the valid UTF-8 sequence that `text` begins with; 0 if it is not one.
std::size_t utf8_length(std::string_view text);

}  // namespace volta
