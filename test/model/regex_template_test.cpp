#include "model/regex_template.hpp"

#include <array>

#include <catch2/catch.hpp>
#include <re2/re2.h>

namespace volta {
namespace {

TEST_CASE("templates expand as Go's regexp does") {
  const re2::RE2 regex("(?P<first>a+)-(b)?(?P<_x9>c*)");
  const std::string text = "aa-cc";
  std::array<re2::StringPiece, 4> groups;
  REQUIRE(regex.Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, groups.data(), 4));
  const auto check = [&](std::string_view pattern, std::string_view want) {
    INFO(pattern);
    CHECK(RegexTemplate(pattern, regex).expand(groups, 100) == std::string(want));
  };
  check("", "");
  check("plain", "plain");
  check("$0", "aa-cc");
  check("$1/$3", "aa/cc");
  check("$2", "");  // took no part
  check("${1}x$1x", "aax");
  check("$first-${_x9}", "aa-cc");
  check("$4$99$99999999999999999999", "");
  check("$none", "");
  check("$$1", "$1");
  check("$$$1", "$aa");
  check("$", "$");
  check("a$", "a$");
  check("$-$ ${ ${} ${1 ${-}", "$-$ ${ ${} ${1 ${-}");
  check("$1$1", "aaaa");
  CHECK(RegexTemplate("$0$0", regex).expand(groups, 10) == std::string("aa-ccaa-cc"));
  CHECK_FALSE(RegexTemplate("$0$0", regex).expand(groups, 9));
  CHECK(RegexTemplate().expand(groups, 0) == std::string());
}

}  // namespace
}  // namespace volta
