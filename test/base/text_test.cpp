#include "base/text.hpp"

#include <array>

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("integers are the whole text or nothing") {
  CHECK(parse_integer<int>("42") == 42);
  CHECK(parse_integer<int>("-1") == -1);
  CHECK(parse_integer<std::uint64_t>("18446744073709551615") == 18446744073709551615ULL);
  for (const char* bad : {"", " 1", "1 ", "+1", "1x", "0x1", "99999999999"})
    CHECK_FALSE(parse_integer<int>(bad));
  CHECK_FALSE(parse_integer<std::uint64_t>("-1"));
}

TEST_CASE("numbers are finite") {
  CHECK(parse_number("1.5e3") == 1500);
  for (const char* bad : {"", "nan", "inf", "1.5 ", "1,5", "--1"}) CHECK_FALSE(parse_number(bad));
}

TEST_CASE("fields and lines are cut off the front") {
  std::string_view rest = "  a\tbc  d";
  CHECK(next_field(rest) == "a");
  CHECK(next_field(rest) == "bc");
  CHECK(next_field(rest) == "d");
  CHECK(next_field(rest).empty());
  rest = "one\n\ntwo";
  CHECK(next_line(rest) == "one");
  CHECK(next_line(rest) == "");
  CHECK(next_line(rest) == "two");
  CHECK_FALSE(next_line(rest));
}

TEST_CASE("the nearest word is found if it is near") {
  constexpr std::array<std::string_view, 3> kWords = {"local", "server", "agent"};
  CHECK(nearest("locl", kWords) == "local");
  CHECK(nearest("sevrer", kWords) == "server");
  CHECK(nearest("lcoal", kWords) == "local");
  CHECK(nearest("agnet", kWords) == "agent");
  CHECK_FALSE(nearest("banana", kWords));
  CHECK_FALSE(nearest("", kWords));
}

TEST_CASE("globs") {
  const auto check = [](std::string_view pattern, std::string_view text, bool want) {
    CAPTURE(pattern, text);
    CHECK(glob_match(pattern, text) == want);
  };
  check("*", "", true);
  check("*", "abc", true);
  check("a*c", "abbc", true);
  check("a*c", "abb", false);
  check("*b*", "abc", true);
  check("abc", "abc", true);
  check("abc", "abcd", false);
  check("", "", true);
  check("", "a", false);
  check("a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false);
}

TEST_CASE("durations") {
  CHECK(parse_duration("500ms")->count() == 500);
  CHECK(parse_duration("1h30m")->count() == 5'400'000);
  CHECK(parse_duration("14d")->count() == 1'209'600'000);
  for (const char* bad :
       {"", "5", "s", "1x", "-1s", "1.5s", "99999999999999999999s", "9999999999999y", " 1s"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad));
  }
}

TEST_CASE("RFC 3339 both ways") {
  CHECK(rfc3339(0) == "1970-01-01T00:00:00.000Z");
  CHECK(rfc3339(1'795'226'940'123) == "2026-11-21T02:09:00.123Z");
  CHECK(rfc3339(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(rfc3339(INT64_MAX) == "9999-12-31T23:59:59.999Z");
  CHECK(rfc3339(INT64_MIN) == "0000-01-01T00:00:00.000Z");
  CHECK(parse_rfc3339("2026-11-21T02:09:00.123Z") == 1'795'226'940'123);
  CHECK(parse_rfc3339("2026-11-21T03:09:00+01:00") == 1'795'226'940'000);
  CHECK(parse_rfc3339("2026-11-21T03:09:00.1234567+01:00") == 1'795'226'940'123);
  for (const char* bad :
       {"", "2026-11-21", "2026-13-21T02:09:00Z", "2026-02-30T02:09:00Z", "2026-11-21T25:09:00Z",
        "2026-11-21T02:09:00", "2026-11-21T02:09:00Zx", "2026-11-21T02:09:00.Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rfc3339(bad));
  }
}

TEST_CASE("UTF-8 sequences") {
  const auto check = [](std::string_view text, std::size_t want) {
    CHECK(utf8_length(text) == want);
  };
  check("a", 1);
  check("\xc3\xa9", 2);
  check("\xe2\x82\xac", 3);
  check("\xf0\x9f\x98\x80", 4);
  check("", 0);
  check("\x80", 0);
  check("\xc0\x80", 0);          // overlong
  check("\xed\xa0\x80", 0);      // surrogate
  check("\xf4\x90\x80\x80", 0);  // above U+10FFFF
  check("\xe2\x82", 0);
}

TEST_CASE("text for a terminal holds no control bytes") {
  CHECK(printable("127.0.0.1:80 \u00e9") == "127.0.0.1:80 \u00e9");
  CHECK(printable(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(printable("\x1b[31m\n\x7f") == "\\x1b[31m\\x0a\\x7f");
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(printable("").empty());
}

}  // namespace
}  // namespace volta
