#include <catch2/catch.hpp>

#include "query/aggregation.hpp"
#include "query/histogram.hpp"
#include "query/instant_functions.hpp"
#include "query/label_functions.hpp"
#include "query/numeric.hpp"

namespace volta::promql {
namespace {

TEST_CASE("sums keep what plain addition loses, means do not overflow") {
  KahanSum sum;
  for (const double value : {1.0, 1e100, 1.0, -1e100}) sum.add(value);
  CHECK(sum.value() == 2);
  Mean mean;
  for (const double value : {1.5e308, 1.7e308, 1.6e308}) mean.add(value);
  CHECK(mean.value() == Approx(1.6e308));
}

TEST_CASE("quantiles interpolate, NaN is least") {
  const auto check = [](double q, std::vector<double> values, double want) {
    const double got = quantile_of(q, values);
    CHECK((got == want || (std::isnan(got) && std::isnan(want))));
  };
  check(0.5, {3, 1, 2}, 2);
  check(0.25, {1, 2}, 1.25);
  check(1, {5, 9, 7}, 9);
  check(-0.1, {1}, -kInfinity);
  check(1.1, {1}, kInfinity);
  check(kNaN, {1}, kNaN);
  check(0.5, {}, kNaN);
  check(0, {1, kNaN}, kNaN);
  check(1, {1, kNaN}, 1);
}

TEST_CASE("numbers as labels have no exponent") {
  const auto check = [](double value, const char* want) { CHECK(label_of_number(value) == want); };
  check(0, "0");
  check(-0.0, "-0");
  check(1.5, "1.5");
  check(-123.25, "-123.25");
  check(1e21, "1000000000000000000000");
  check(0.1 + 0.2, "0.30000000000000004");
  check(-1.5e-7, "-0.00000015");
  check(120, "120");
  check(kNaN, "NaN");
  check(-kInfinity, "-Inf");
}

TEST_CASE("buckets that fall are repaired") {
  const auto check = [](double q, std::vector<Bucket> buckets, double want) {
    const double got = bucket_quantile(q, buckets);
    CHECK((got == Approx(want) || (std::isnan(got) && std::isnan(want))));
  };
  const std::vector<Bucket> plain{{1, 10}, {2, 20}, {kInfinity, 20}};
  check(0.5, plain, 1);
  check(0.75, plain, 1.5);
  check(1, {{1, 10}, {2, 20}, {kInfinity, 40}}, 2);
  check(0.5, {{1, 10}, {2, 5}, {4, 20}, {kInfinity, 20}}, 1);
  check(0.75, {{1, 10}, {2, 5}, {4, 20}, {kInfinity, 20}}, 3);
  check(0.5, {{1, 5}, {1, 5}, {2, 20}, {kInfinity, 20}}, 1);
  check(0.5, {{1, 10}, {2, 20}}, kNaN);
  check(0.5, {{kInfinity, 20}}, kNaN);
  check(0.5, {{1, 0}, {kInfinity, 0}}, kNaN);
  check(0.1, {{-1, 5}, {0, 9}, {kInfinity, 10}}, -1);
}

TEST_CASE("digits are compared as numbers") {
  const auto check = [](std::string_view a, std::string_view b, int want) {
    CHECK(natural_compare(a, b) == want);
    CHECK(natural_compare(b, a) == -want);
  };
  check("a9", "a10", -1);
  check("a10", "a10", 0);
  check("a1b2", "a1b10", -1);
  check("", "a", -1);
  check("99999999999999999999998", "99999999999999999999999", -1);
  check("b", "a9", 1);
}

TEST_CASE("a label that grows without end is refused") {
  const QueryLimits limits;
  Budget budget(limits, nullptr);
  SeriesMatrix matrix(budget, 1);
  matrix.append({std::make_shared<const Labels>(Labels{{"a", std::string(1000, 'x')}}), false})[0] =
      1;
  std::string replacement;
  for (int i = 0; i < 100; ++i) replacement += "$1";
  CHECK_THROWS_AS(label_replace(std::move(matrix), {"b", replacement, "a", "(.*)"}), Stop);
}

TEST_CASE("absent() has the labels that must equal something, once") {
  const auto matcher = [](const char* name, MatchOp op, const char* value) {
    return *LabelMatcher::make(name, op, value);
  };
  const std::vector<LabelMatcher> matchers{
      matcher("__name__", MatchOp::equal, "up"), matcher("b", MatchOp::equal, "1"),
      matcher("a", MatchOp::equal, "2"),         matcher("c", MatchOp::regex, "x"),
      matcher("b", MatchOp::equal, "3"),         matcher("d", MatchOp::equal, "")};
  CHECK(*absent_labels(matchers) == Labels{{"a", "2"}});
}

}  // namespace
}  // namespace volta::promql
