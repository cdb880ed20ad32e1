// volta.ages, one line of text beside the database: five decimal numbers, each followed by a
// space, and the CRC-32C of these bytes in eight lower-case hexadecimal digits; padded with spaces
// to kAgesFileBytes. It is written in place and in one go, so a crash leaves the old line, the new
// one or, should the file system mix them, one that its checksum tells. Versions before the
// checksum wrote four or five numbers alone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace volta {

constexpr std::size_t kAgesFileBytes = 120;

struct AgesFile {
  std::int64_t believed_ms = 0;  // AgeClock::believed_ms(), from 1970 to the year 5138
  std::array<std::int64_t, 3> gone_ms{INT64_MIN, INT64_MIN, INT64_MIN};  // by tier
  std::int64_t archived_ms = INT64_MIN;

  bool operator==(const AgesFile&) const = default;
};

// kAgesFileBytes long.
std::string text_of(const AgesFile& ages);
// Null where there is nothing but spaces: a file that was made and not written yet.
Result<std::optional<AgesFile>> parse_ages_file(std::string_view text);

}  // namespace volta
