#include "model/matcher.hpp"

#include <catch2/catch.hpp>

using namespace volta;

namespace {

LabelMatcher make(MatchOp op, std::string value) {
  auto made = LabelMatcher::make("l", op, std::move(value));
  REQUIRE(made.has_value());
  return *made;
}

}  // namespace

TEST_CASE("a label matcher compares whole values") {
  CHECK(make(MatchOp::equal, "a").matches("a"));
  CHECK_FALSE(make(MatchOp::equal, "a").matches("ab"));
  CHECK(make(MatchOp::not_equal, "a").matches(""));
  CHECK_FALSE(make(MatchOp::not_equal, "a").matches("a"));
  CHECK(make(MatchOp::regex, "a.c").matches("abc"));
  CHECK(make(MatchOp::regex, "a.c").matches("a\nc"));
  CHECK_FALSE(make(MatchOp::regex, "a.c").matches("abcd"));
  CHECK_FALSE(make(MatchOp::regex, "b|c").matches("abc"));
  CHECK(make(MatchOp::regex, "").matches(""));
  CHECK(make(MatchOp::not_regex, "a.*").matches("b"));
  CHECK_FALSE(make(MatchOp::not_regex, "a.*").matches("ab"));
}

TEST_CASE("exact values are told without looking at series") {
  const auto exact = [](const LabelMatcher& matcher) {
    return std::vector<std::string>(matcher.exact_values().begin(), matcher.exact_values().end());
  };
  using Words = std::vector<std::string>;
  CHECK(exact(make(MatchOp::equal, "a.b")) == Words{"a.b"});
  CHECK(exact(make(MatchOp::regex, "b|a|b")) == Words{"a", "b"});
  CHECK(exact(make(MatchOp::regex, "a|")) == Words{"", "a"});
  CHECK(exact(make(MatchOp::regex, "a.b")).empty());
  CHECK(exact(make(MatchOp::regex, "(a|b)")).empty());
  CHECK(exact(make(MatchOp::not_regex, "a|b")).empty());
  CHECK(exact(make(MatchOp::not_equal, "a")).empty());
}

TEST_CASE("a broken or enormous expression is refused") {
  const auto broken = LabelMatcher::make("l", MatchOp::regex, "a(");
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().text == "the regular expression \"a(\" does not compile: missing ): a(");
  CHECK_FALSE(LabelMatcher::make("l", MatchOp::regex, "((a{100}){100}){100}").has_value());
}

TEST_CASE("a label matcher is printed as PromQL has it") {
  CHECK(make(MatchOp::equal, "a\"b\\c\nd").text() == R"(l="a\"b\\c\nd")");
  CHECK(make(MatchOp::not_regex, "a|b").text() == R"(l!~"a|b")");
  CHECK(LabelMatcher::equal("http.status", "2").text() == R"("http.status"="2")");
  CHECK(LabelMatcher::equal("a\"b", "").text() == R"("a\"b"="")");
  CHECK(LabelMatcher::equal("", "x").text() == R"(""="x")");
}
