#include "model/regex_budget.hpp"

#include <string>

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("a regular expression weighs what it makes, not what it is long") {
  const auto check = [](const std::string& regex, std::size_t least, std::size_t most) {
    INFO(regex);
    const std::size_t weight = regex_weight(regex);
    CHECK(weight >= least);
    CHECK(weight <= most);
  };
  check("", 0, 0);
  check("abc", 3, 3);
  check("api|web|db-[0-9]+", 15, 20);
  check("x{1000}", 1000, 1010);
  check("x{3,}", 5, 10);
  check("(abcdefghij){100}", 1000, 1300);
  check("((abcde){10}){10}", 500, 900);
  check("(\\pL\\pN){50}", 50'000, 52'000);
  check("[\\pL_]{100}", 50'000, 51'000);
  check("\\p{Greek}{10}", 5000, 5200);
  check("((((a{100}){100}){100}){100}){100}", kMostRegexWeight + 1, kMostRegexWeight + 1);
  check(std::string(kMostRegexWeight * 2, 'a'), kMostRegexWeight + 1, kMostRegexWeight + 1);
  // No repetitions: braces that say nothing, escaped ones, ones in a class.
  check("x{", 2, 2);
  check("x{a}", 4, 4);
  check("x\\{1000\\}", 8, 12);
  check("[x{1000}]", 9, 9);
  check("[]{1000}]", 9, 9);
  check("[[:alpha:]{1000}]", 17, 17);
  check("x{1000", 6, 6);
  check("x{0}", 4, 6);
  // Broken ones end the walk all the same.
  check(")))", 3, 3);
  check("(((", 3, 6);
  check("[", 1, 1);
  check("[^", 2, 2);
  check("\\", 1, 1);
  check("\\p", 2, 502);
  check("\\p{", 3, 503);
  check("{5}", 3, 3);
}

TEST_CASE("the expressions of a request count together") {
  RegexBudget many;
  for (std::size_t i = 0; i < kMostRegexes; ++i) REQUIRE(many.take("a"));
  CHECK(many.take("a").error().text == "more than 100 regular expressions in one request");
  RegexBudget heavy;
  REQUIRE(heavy.take("(abcdefgh){1000}{9}"));
  REQUIRE(heavy.take("x{1000}"));
  REQUIRE_FALSE(heavy.take("(abcdefgh){1000}{3}"));
  CHECK_FALSE(heavy.take("a"));  // it stays so
}

}  // namespace
}  // namespace volta
