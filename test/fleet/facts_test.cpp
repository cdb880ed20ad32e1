#include "fleet/facts.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

void check(const std::string& text, bool good) {
  CAPTURE(text);
  CHECK(facts_problem(text).empty() == good);
}

TEST_CASE("facts are one JSON object and nothing else") {
  check("{}", true);
  check(" { } \n", true);
  check(R"({"os":"Debian \"12\"","cpus":2,"load":-0.5e+3,"ok":true,"no":false,"x":null})", true);
  check(R"({"a":[1,[2,{"b":"ä€😀é"}]],"c":[]})", true);
  check("", false);
  check("[]", false);
  check("null", false);
  check("{", false);
  check("{}{}", false);
  check(R"({"a"})", false);
  check(R"({"a":})", false);
  check(R"({"a":1,})", false);
  check(R"({a:1})", false);
  check(R"({"a":01})", false);
  check(R"({"a":1.})", false);
  check(R"({"a":.5})", false);
  check(R"({"a":1e})", false);
  check(R"({"a":NaN})", false);
  check(R"({"a":"\x"})", false);
  check(R"({"a":"\u12g4"})", false);
  check(R"({"a":"\u12)", false);
  check(R"({"a":"open)", false);
  check("{\"a\":\"line\nbreak\"}", false);
  check("{\"a\":\"\xff\"}", false);
  check("{\"a\":\"\xc3\"}", false);
}

TEST_CASE("facts are bounded in size and depth") {
  const auto nested = [](int depth) {
    return R"({"a":)" + std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']') + "}";
  };
  check(nested(8), true);
  check(nested(9), false);
  check(nested(30'000), false);
  const std::string frame = R"({"a":""})";
  check(R"({"a":")" + std::string(kLargestFactsBytes - frame.size(), 'x') + "\"}", true);
  check(R"({"a":")" + std::string(kLargestFactsBytes - frame.size() + 1, 'x') + "\"}", false);
}

}  // namespace
}  // namespace volta
