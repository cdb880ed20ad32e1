#include "prom/label_rules.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("labels that are a series, and those that are not") {
  const auto check = [](std::vector<LabelView> labels, std::string_view want) {
    CAPTURE(want);
    const std::string problem = labels_problem(labels, {4, 10, 12});
    if (want.empty()) {
      CHECK(problem.empty());
    } else {
      CHECK(problem.find(want) != std::string::npos);
    }
  };
  check({{"__name__", "up"}}, "");
  check({{"__name__", "a:b_1"}, {"_a", "\xC5\xBC"}, {"b", " "}}, "");
  check({{"A", "x"}, {"__name__", "up"}}, "");  // capitals sort first
  check({}, "no metric name");
  check({{"a", "b"}}, "no metric name");
  check({{"__name__", ""}}, "\"__name__\" is empty");
  check({{"__name__", "1up"}}, "metric name \"1up\"");
  check({{"__name__", "a-b"}}, "metric name");
  check({{"__name__", "up"}, {"", "x"}}, "name is empty");
  check({{"__name__", "up"}, {"a", ""}}, "\"a\" is empty");
  check({{"__name__", "up"}, {"a:b", "x"}}, "\"a:b\"");
  check({{"__name__", "up"}, {"1", "x"}}, "\"1\"");
  check({{"__name__", "up"}, {"\xC5\xBC", "x"}}, "is not [a-zA-Z_]");
  check({{"__name__", "up"}, {"a", "\xFF"}}, "not UTF-8");
  check({{"__name__", "up"}, {"a", "\xED\xA0\x80"}}, "not UTF-8");  // a surrogate
  check({{"__name__", "up"}, {"a", "x"}, {"a", "y"}}, "twice");
  check({{"__name__", "up"}, {"b", "x"}, {"a", "y"}}, "not sorted");
  check({{"a", "x"}, {"__name__", "up"}}, "not sorted");
  check({{"__name__", "up"}, {"a", "1"}, {"b", "1"}, {"c", "1"}}, "");
  check({{"__name__", "up"}, {"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}}, "more than 4");
  check({{"__name__", "up"}, {"abcdefghij", "1"}}, "");
  check({{"__name__", "up"}, {"abcdefghijk", "1"}}, "longer than 10");
  check({{"__name__", "up"}, {"a", "123456789012"}}, "");
  check({{"__name__", "up"}, {"a", "1234567890123"}}, "longer than 12");
}

TEST_CASE("families of parts") {
  CHECK(without_part_suffix("a_bucket") == "a");
  CHECK(without_part_suffix("a_sum") == "a");
  CHECK(without_part_suffix("a_count") == "a");
  CHECK(without_part_suffix("a_total") == "a_total");
  CHECK(without_part_suffix("_sum") == "_sum");
}

}  // namespace
}  // namespace volta
