#include "store/ages_file.hpp"

#include <algorithm>
#include <charconv>
#include <span>
#include <system_error>

#include <fmt/format.h>

#include "base/crc32c.hpp"

namespace volta {
namespace {

constexpr std::int64_t kLatestAgeMs = 100'000'000'000'000;  // that a clock says, the year 5138
constexpr std::size_t kNumbersBeforeArchive = 4;
constexpr std::size_t kChecksumDigits = 8;

std::string checksum_text(std::string_view numbers) {
  return fmt::format("{:08x}", crc32c(std::as_bytes(std::span(numbers))));
}

// Takes the next number and one space behind it, if any, from the front.
bool take_number(std::string_view& text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return true;
}

}  // namespace

std::string text_of(const AgesFile& ages) {
  std::string text = fmt::format("{} ", ages.believed_ms);
  for (const std::int64_t gone : ages.gone_ms) text += fmt::format("{} ", gone);
  text += fmt::format("{} ", ages.archived_ms);
  text += checksum_text(text) + '\n';
  text.resize(std::max(text.size(), kAgesFileBytes), ' ');
  return text;
}

Result<std::optional<AgesFile>> parse_ages_file(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \n");
  if (last == std::string_view::npos) return std::optional<AgesFile>{};
  const std::string_view line = text.substr(0, last + 1);
  std::array<std::int64_t, kNumbersBeforeArchive + 1> numbers{};
  std::string_view rest = line;
  std::size_t count = 0;
  while (count < numbers.size() && take_number(rest, numbers.at(count))) ++count;
  const std::string_view before = line.substr(0, line.size() - rest.size());
  const bool is_old = rest.empty() && count >= kNumbersBeforeArchive;
  const bool is_whole =
      count == numbers.size() && rest.size() == kChecksumDigits && rest == checksum_text(before);
  if (!is_old && !is_whole) return Error{"it is not what was written there"};
  if (numbers[0] < 0 || numbers[0] > kLatestAgeMs) return Error{"it names no time of this age"};
  AgesFile ages{numbers[0], {numbers[1], numbers[2], numbers[3]}, INT64_MIN};
  if (count == numbers.size()) ages.archived_ms = numbers[kNumbersBeforeArchive];
  return std::optional(ages);
}

}  // namespace volta
