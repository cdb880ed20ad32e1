#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

namespace volta {
namespace {

constexpr std::string_view kBlank = " \t";
constexpr std::int64_t kMsPerDay = 86'400'000;

// Letters added, left out or changed, and neighbours swapped (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);  // the row above the last one
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({change, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

// Milliseconds of one duration unit; 0 if there is no such unit.
std::int64_t unit_ms(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return 1'000;
  if (unit == "m") return 60'000;
  if (unit == "h") return 3'600'000;
  if (unit == "d") return kMsPerDay;
  if (unit == "w") return 7 * kMsPerDay;
  if (unit == "y") return 365 * kMsPerDay;
  return 0;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Cuts `width` digits off the front.
std::optional<int> take_digits(std::string_view& rest, std::size_t width) {
  if (rest.size() < width ||
      !std::all_of(rest.begin(), rest.begin() + static_cast<int>(width), is_digit)) {
    return std::nullopt;
  }
  const auto value = parse_integer<int>(rest.substr(0, width));
  rest.remove_prefix(width);
  return value;
}

bool take_char(std::string_view& rest, char a, char b) {
  if (rest.empty() || (rest.front() != a && rest.front() != b)) return false;
  rest.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> take_fraction_ms(std::string_view& rest) {
  if (rest.empty() || rest.front() != '.') return 0;
  rest.remove_prefix(1);
  std::int64_t ms = 0;
  std::size_t digits = 0;
  for (; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1), ++digits) {
    if (digits < 3) ms = ms * 10 + (rest.front() - '0');
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 3; ++digits) ms *= 10;
  return ms;
}

std::optional<std::int64_t> take_offset_ms(std::string_view& rest) {
  if (take_char(rest, 'Z', 'z')) return 0;
  const bool west = !rest.empty() && rest.front() == '-';
  if (!take_char(rest, '+', '-')) return std::nullopt;
  const auto hours = take_digits(rest, 2);
  if (!hours || !take_char(rest, ':', ':')) return std::nullopt;
  const auto minutes = take_digits(rest, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t offset = (*hours * 60 + *minutes) * std::int64_t{60'000};
  return west ? -offset : offset;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() ||
      !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n";
  const auto first = text.find_first_not_of(kWhite);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhite) - first + 1);
}

std::string_view next_field(std::string_view& rest) {
  const auto first = rest.find_first_not_of(kBlank);
  if (first == std::string_view::npos) {
    rest = {};
    return {};
  }
  rest.remove_prefix(first);
  const std::string_view field = rest.substr(0, rest.find_first_of(kBlank));
  rest.remove_prefix(field.size());
  return field;
}

std::optional<std::string_view> next_line(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const auto end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  std::optional<std::string_view> best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const Error bad{"'" + std::string(text) +
                  "' is not a duration; write for example 500ms, 10s, 5m, 2h or 14d"};
  std::string_view rest = text;
  std::int64_t total = 0;
  if (rest.empty()) return bad;
  while (!rest.empty()) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (error != std::errc{} || count < 0 || !is_digit(rest.front())) return bad;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const std::string_view unit =
        rest.substr(0, std::find_if(rest.begin(), rest.end(), is_digit) - rest.begin());
    rest.remove_prefix(unit.size());
    const std::int64_t factor = unit_ms(unit);
    std::int64_t part = 0;
    if (factor == 0 || __builtin_mul_overflow(count, factor, &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return bad;
    }
  }
  return std::chrono::milliseconds(total);
}

std::string rfc3339(std::int64_t unix_ms) {
  constexpr std::int64_t kFirst = -62'167'219'200'000;  // 0000-01-01
  constexpr std::int64_t kLast = 253'402'300'799'999;   // end of 9999
  const std::chrono::sys_time<std::chrono::milliseconds> time(
      std::chrono::milliseconds(std::clamp(unix_ms, kFirst, kLast)));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto ms = (time - day).count();
  std::array<char, 40> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(ms / 3'600'000),
                static_cast<int>(ms / 60'000 % 60), static_cast<int>(ms / 1000 % 60),
                static_cast<int>(ms % 1000));
  return buffer.data();
}

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  std::string_view rest = text;
  const auto year = take_digits(rest, 4);
  if (!year || !take_char(rest, '-', '-')) return std::nullopt;
  const auto month = take_digits(rest, 2);
  if (!month || !take_char(rest, '-', '-')) return std::nullopt;
  const auto day = take_digits(rest, 2);
  if (!day || !take_char(rest, 'T', ' ')) return std::nullopt;
  const auto hour = take_digits(rest, 2);
  if (!hour || !take_char(rest, ':', ':')) return std::nullopt;
  const auto minute = take_digits(rest, 2);
  if (!minute || !take_char(rest, ':', ':')) return std::nullopt;
  const auto second = take_digits(rest, 2);
  const auto fraction = second ? take_fraction_ms(rest) : std::nullopt;
  const auto offset = fraction ? take_offset_ms(rest) : std::nullopt;
  if (!offset || !rest.empty() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = (*hour * 60 + *minute) * 60 + *second;
  return days * kMsPerDay + seconds * 1000 + *fraction - *offset;
}

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  if (byte(0) < 0x80) return 1;
  const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  // Overlong forms, surrogates and code points above U+10FFFF.
  if ((byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) > 0x9f) ||
      (byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) > 0x8f)) {
    return 0;
  }
  return length;
}

std::string printable(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0x20 || first == 0x7f ? 0 : utf8_length(text);
    if (length == 0) {
      out += "\\x";
      out += kHex[first >> 4U];
      out += kHex[first & 15U];
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

}  // namespace volta
