#include "app/time_argument.hpp"

#include "app/process.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

[[noreturn]] void wrong_argument(const std::string& text) { throw StartFailure(Exit::usage, text); }

}  // namespace

std::int64_t time_argument(const std::string& text, const char* flag, std::int64_t now_ms) {
  if (text.empty() || text == "now") return now_ms;
  if (const auto instant = parse_rfc3339(text)) return *instant;
  if (text.size() == 10) {
    if (const auto midnight = parse_rfc3339(text + "T00:00:00Z")) return *midnight;
  }
  constexpr double kLatestSeconds = 253'402'300'799;  // the end of the year 9999
  if (const auto seconds = parse_number(text);
      seconds && *seconds >= 0 && *seconds <= kLatestSeconds)
    return static_cast<std::int64_t>(*seconds * 1000);
  if (text.starts_with("now-")) {
    const auto back = parse_duration(std::string_view(text).substr(4));
    if (back) return now_ms - back->count();
  }
  wrong_argument(std::string(flag) + ": " + text +
                 " is no time; write RFC 3339 (2026-11-22T06:00:00Z), a date, unix seconds, now or "
                 "now-1h");
}

std::int64_t duration_argument(const std::string& text, const char* flag) {
  const auto parsed = parse_duration(text);
  if (!parsed || parsed->count() <= 0)
    wrong_argument(std::string(flag) + ": " + text + " is no duration; write 30s, 5m, 1h30m");
  return parsed->count();
}

}  // namespace volta
