#include "model/query_string.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

using Items = std::vector<std::pair<std::string, std::string>>;

void check(std::string_view query, const Items& want) {
  const auto got = parse_query(query);
  INFO(query);
  REQUIRE(got);
  CHECK(got->items == want);
}

void check_refused(std::string_view query, std::string_view why) {
  const auto got = parse_query(query);
  INFO(query);
  REQUIRE_FALSE(got);
  CHECK_THAT(got.error().text, Catch::Contains(std::string(why)));
}

TEST_CASE("pairs of a query are decoded once, in their order") {
  check("", {});
  check("a=1", {{"a", "1"}});
  check("b=2&a=1", {{"b", "2"}, {"a", "1"}});
  check("a", {{"a", ""}});
  check("a=", {{"a", ""}});
  check("&a=1&&b=2&", {{"a", "1"}, {"b", "2"}});
  check("a=b=c", {{"a", "b=c"}});
  check("a=x+y%2Bz", {{"a", "x y+z"}});
  check("label.mode=us%65r", {{"label.mode", "user"}});
  check("a=%2525", {{"a", "%25"}});
  check("a=%26%3d", {{"a", "&="}});
  check("%c3%a4=%E2%82%AC", {{"ä", "€"}});
  check("a=1?b=2", {{"a", "1?b=2"}});
}

TEST_CASE("what is broken or comes twice is refused") {
  check_refused("a=1&a=2", "'a' comes more than once");
  check_refused("a=1&%61=1", "'a' comes more than once");
  check_refused("=1", "without a name");
  check_refused("a=%", "hexadecimal");
  check_refused("a=%4", "hexadecimal");
  check_refused("a=%zz", "hexadecimal");
  check_refused("a=%+1", "hexadecimal");
  check_refused("a=%-1", "hexadecimal");
  check_refused("%=1", "hexadecimal");
  check_refused("a=%00", "UTF-8");
  check_refused("a=%ff", "UTF-8");
  check_refused("a=%c0%80", "UTF-8");
}

TEST_CASE("a query has at most 256 parameters") {
  std::string query;
  for (int i = 0; i < 256; ++i) query += "k" + std::to_string(i) + "=1&";
  REQUIRE(parse_query(query));
  check_refused(query + "one_more=1", "256");
}

TEST_CASE("pairs may repeat where a route says so") {
  const auto pairs = parse_query_pairs("match[]=up&start=1&match%5B%5D=a%7B%7D&match[]=");
  REQUIRE(pairs);
  CHECK(pairs->all("match[]") == std::vector<std::string_view>{"up", "a{}", ""});
  CHECK(pairs->first("match[]") == std::string_view("up"));
  CHECK(pairs->first("end") == std::nullopt);
  CHECK(pairs->all("end").empty());
  CHECK(parse_query_pairs("a=1&a=2", 2));
  CHECK(!parse_query_pairs("a=1&a=2&a=3", 2));
  CHECK(!parse_query_pairs("a=%zz"));
}

}  // namespace
}  // namespace volta
