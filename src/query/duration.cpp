#include "query/duration.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "query/quote.hpp"

namespace volta::promql {
namespace {

struct DurationUnit {
  std::string_view name;
  std::int64_t ms = 0;
  bool only_whole = false;  // printed only where it divides the rest
};
constexpr std::array kDurationUnits{DurationUnit{"y", 365LL * 86'400'000, true},
                                    DurationUnit{"w", 7LL * 86'400'000, true},
                                    DurationUnit{"d", 86'400'000},
                                    DurationUnit{"h", 3'600'000},
                                    DurationUnit{"m", 60'000},
                                    DurationUnit{"s", 1'000},
                                    DurationUnit{"ms", 1}};

bool is_decimal_digit(char c) { return c >= '0' && c <= '9'; }

// Cuts the run of digits, or of what is none, off the front.
std::string_view cut_run(std::string_view& rest, bool digits) {
  const auto end =
      std::find_if(rest.begin(), rest.end(), [&](char c) { return is_decimal_digit(c) != digits; });
  const auto length = static_cast<std::size_t>(end - rest.begin());
  const std::string_view run = rest.substr(0, length);
  rest.remove_prefix(length);
  return run;
}

}  // namespace

Result<std::int64_t> parse_duration_ms(std::string_view text) {
  const Error malformed{"not a valid duration string: " + quote(text)};
  const Error too_long{"duration out of range"};
  if (text.empty()) return Error{"empty duration string"};
  if (text == "0") return 0;
  std::int64_t sum = 0;
  std::size_t next_unit = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view digits = cut_run(rest, true);
    const std::string_view name = cut_run(rest, false);
    const auto* const unit = std::find_if(kDurationUnits.begin() + next_unit, kDurationUnits.end(),
                                          [&](const DurationUnit& u) { return u.name == name; });
    if (digits.empty() || unit == kDurationUnits.end()) return malformed;
    next_unit = static_cast<std::size_t>(unit - kDurationUnits.begin()) + 1;
    const auto count = parse_integer<std::int64_t>(digits);
    if (!count || *count > (kMostDurationMs - sum) / unit->ms) return too_long;
    sum += *count * unit->ms;
  }
  return sum;
}

std::string duration_text(std::int64_t ms) {
  if (ms == 0) return "0s";
  std::string out;
  for (const DurationUnit& unit : kDurationUnits) {
    if (ms < unit.ms || (unit.only_whole && ms % unit.ms != 0)) continue;
    out += std::to_string(ms / unit.ms);
    out += unit.name;
    ms %= unit.ms;
  }
  return out;
}

}  // namespace volta::promql
