#include "app/time_argument.hpp"

#include <catch2/catch.hpp>

#include "app/process.hpp"

using namespace volta;

TEST_CASE("times on the command line") {
  constexpr std::int64_t kNowMs = 1'795'226'940'000;
  const auto check = [&](const std::string& text, std::int64_t want) {
    CAPTURE(text);
    CHECK(time_argument(text, "--time", kNowMs) == want);
  };
  check("now", kNowMs);
  check("now-1h30m", kNowMs - 5'400'000);
  check("1970-01-02", 86'400'000);
  check("1970-01-02T00:00:01.5Z", 86'401'500);
  check("1795226940.25", 1'795'226'940'250);
  for (const char* text :
       {"yesterday", "now-", "now+1h", "-5", "1e300", "2026-13-01", "1970-01-0x"})
    CHECK_THROWS_AS(time_argument(text, "--time", kNowMs), StartFailure);
  CHECK(duration_argument("1h30m", "--range") == 5'400'000);
  for (const char* text : {"", "0s", "-1s", "x"})
    CHECK_THROWS_AS(duration_argument(text, "--range"), StartFailure);
}
