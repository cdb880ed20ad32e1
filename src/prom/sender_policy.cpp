#include "prom/sender_policy.hpp"

#include <array>

#include "base/text.hpp"

namespace volta {
namespace {

constexpr std::chrono::milliseconds kLongestRetryAfter{600'000};

bool says_what_was_written(const OutboundResponse& response) {
  constexpr std::array<std::string_view, 3> kWritten = {
      "x-prometheus-remote-write-samples-written", "x-prometheus-remote-write-histograms-written",
      "x-prometheus-remote-write-exemplars-written"};
  return std::any_of(kWritten.begin(), kWritten.end(),
                     [&](std::string_view name) { return !response.header(name).empty(); });
}

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7), the one form that is still made.
std::optional<std::int64_t> http_date_ms(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || !text.ends_with(" GMT") || text.substr(3, 2) != ", ") {
    return std::nullopt;
  }
  const std::size_t month = kMonths.find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
  std::string rfc(text.substr(12, 4));
  const std::size_t number = month / 3 + 1;
  rfc.append(number < 10 ? "-0" : "-").append(std::to_string(number)).append("-");
  rfc.append(text.substr(5, 2)).append("T").append(text.substr(17, 8)).append("Z");
  return parse_rfc3339(rfc);
}

}  // namespace

SendVerdict judge_write_answer(const OutboundResponse& response, WriteVersion version,
                               bool took_2) {
  const int status = response.status;
  const bool two = version == WriteVersion::v2;
  if (status >= 200 && status < 300) {
    return two && !says_what_was_written(response) ? SendVerdict::as_version_1 : SendVerdict::done;
  }
  if (two && status == 415) return SendVerdict::as_version_1;
  if (two && status == 400 && !took_2 && !says_what_was_written(response)) {
    return SendVerdict::try_version_1;
  }
  if (refuses_old_samples(response)) return SendVerdict::dropped;
  if (status >= 500 || status == 429) return SendVerdict::again;
  return SendVerdict::dropped;
}

bool may_take_parts(const OutboundResponse& response) {
  const bool of_samples =
      response.status == 400 || response.status == 413 || refuses_old_samples(response);
  return of_samples && !says_what_was_written(response);
}

bool refuses_old_samples(const OutboundResponse& response) {
  return response.status == 500 && response.body.find("too old sample") != std::string::npos;
}

std::optional<std::size_t> samples_written(const OutboundResponse& response) {
  return parse_integer<std::size_t>(
      trim(response.header("x-prometheus-remote-write-samples-written")));
}

std::optional<std::chrono::milliseconds> retry_after(const OutboundResponse& response,
                                                     std::int64_t wall_ms) {
  const std::string_view text = trim(response.header("retry-after"));
  std::chrono::milliseconds wait{};
  if (const auto seconds = parse_integer<std::uint32_t>(text)) {
    wait = std::chrono::seconds(*seconds);
  } else if (const auto date = http_date_ms(text)) {
    wait = std::chrono::milliseconds(*date - wall_ms);
  } else {
    return std::nullopt;
  }
  return std::clamp(wait, std::chrono::milliseconds(0), kLongestRetryAfter);
}

}  // namespace volta
