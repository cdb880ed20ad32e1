// Times and durations as people write them on the command line.
#pragma once

#include <cstdint>
#include <string>

namespace volta {

// RFC 3339, a date (its midnight, UTC), unix seconds, now, now-1h: unix milliseconds. Throws
// StartFailure (usage) that names the flag.
std::int64_t time_argument(const std::string& text, const char* flag, std::int64_t now_ms);

// 30s, 1h30m: milliseconds, more than none. Throws as above.
std::int64_t duration_argument(const std::string& text, const char* flag);

}  // namespace volta
