#include "query/type_check.hpp"

#include <array>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

#include "query/parser.hpp"

namespace volta::promql {
namespace {
// Texts and places are those of Prometheus 2.42 for what it knows too.
TEST_CASE("what makes no sense is refused") {
  struct Case {
    std::string_view expression;
    std::string_view place;
    std::string_view problem;
  };
  const auto check = [](const Case& c) {
    INFO(c.expression);
    const auto parsed = parse(c.expression);
    REQUIRE(!parsed);
    CHECK(parsed.error().text == std::string(c.place) + ": parse error: " + std::string(c.problem));
  };
  const std::array cases = std::to_array<Case>({
      {"{}", "1:1", "vector selector must contain at least one non-empty matcher"},
      {"foo{__name__=\"b\"}", "1:1", "metric name must not be set twice: \"foo\" or \"b\""},
      {"1 > 2", "1:3", "comparisons between scalars must use BOOL modifier"},
      {"a and on(x) group_left b", "1:1", "no grouping allowed for \"and\" operation"},
      {"a and 1", "1:1", "set operator \"and\" not allowed in binary scalar expression"},
      {"a + on(x) group_left(x) b", "1:3",
       "label \"x\" must not occur in ON and GROUP clause at once"},
      {"-\"a\"", "1:1",
       "unary expression only allowed on expressions of type scalar or instant vector, got "
       "\"string\""},
      {"rate(foo)", "1:6",
       "expected type range vector in call to function \"rate\", got instant vector"},
      {"rate()", "1:1", "expected 1 argument(s) in call to \"rate\", got 0"},
      {"\"a\" + 1", "1:1", "binary expression must contain only scalar and instant vector types"},
      {"round(a,b,c)", "1:1", "expected at most 2 argument(s) in call to \"round\", got 3"},
      {"label_join(a,\"b\")", "1:1",
       "expected at least 3 argument(s) in call to \"label_join\", got 2"},
      {"label_join(a,\"b\",\"c\",d)", "1:22",
       "expected type string in call to function \"label_join\", got instant vector"},
      {"clamp(a,1)", "1:1", "expected 3 argument(s) in call to \"clamp\", got 2"},
      {"absent(1)", "1:8",
       "expected type instant vector in call to function \"absent\", got scalar"},
      {"time(1)", "1:1", "expected 0 argument(s) in call to \"time\", got 1"},
      {"vector(foo)", "1:8",
       "expected type scalar in call to function \"vector\", got instant vector"},
      {"count_values(1,foo)", "1:14", "expected type string in aggregation parameter, got scalar"},
      {"topk(\"a\",foo)", "1:6", "expected type scalar in aggregation parameter, got string"},
      {"sum(1)", "1:5", "expected type instant vector in aggregation expression, got scalar"},
      {"foo[5m] + 1", "1:1", "binary expression must contain only scalar and instant vector types"},
      {"+foo[5m]", "1:1",
       "unary expression only allowed on expressions of type scalar or instant vector, got \"range "
       "vector\""},
      {"1[5m:]", "1:1", "subquery is only allowed on instant vector, got scalar instead"},
      {"foo[5m:][5m:]", "1:1", "subquery is only allowed on instant vector, got matrix instead"},
      {"1 + bool 2", "1:3", "bool modifier can only be used on comparison operators"},
      {"foo + bool bar", "1:5", "bool modifier can only be used on comparison operators"},
      {"foo and bool bar", "1:5", "bool modifier can only be used on comparison operators"},
      {"1 + on(a) 2", "1:1", "vector matching only allowed between instant vectors"},
      {"foo * on(a) 2", "1:1", "vector matching only allowed between instant vectors"},
      {"foo and on(a) 1", "1:1", "vector matching only allowed between instant vectors"},
      {"{a=\"\"}", "1:1", "vector selector must contain at least one non-empty matcher"},
      {"{a=~\".*\"}", "1:1", "vector selector must contain at least one non-empty matcher"},
      {"foo and on(a) group_right(b) bar", "1:1", "no grouping allowed for \"and\" operation"},
      {"-foo[5m]", "1:1",
       "unary expression only allowed on expressions of type scalar or instant vector, got \"range "
       "vector\""},
      {"-(1 > 2)", "1:5", "comparisons between scalars must use BOOL modifier"},
      {"1 == bool \"a\"", "1:11",
       "binary expression must contain only scalar and instant vector types"},
      {"rate(1)", "1:6", "expected type range vector in call to function \"rate\", got scalar"},
      {"rate(foo[5m], 1)", "1:1", "expected 1 argument(s) in call to \"rate\", got 2"},
      {"sum(foo[5m])", "1:5",
       "expected type instant vector in aggregation expression, got range vector"},
      {"sum(sum(1))", "1:9", "expected type instant vector in aggregation expression, got scalar"},
      {"avg by (a) (\"x\")", "1:13",
       "expected type instant vector in aggregation expression, got string"},
      {"quantile(foo, bar)", "1:10",
       "expected type scalar in aggregation parameter, got instant vector"},
      {"(1)[5m:]", "1:1", "subquery is only allowed on instant vector, got scalar instead"},
      {"\"a\"[5m:]", "1:1", "subquery is only allowed on instant vector, got string instead"},
      {"foo{a=\"b\"} == on(a) group_left(b, a) bar", "1:12",
       "label \"a\" must not occur in ON and GROUP clause at once"},
      {"foo + on(a,b) group_left(c, b) bar", "1:5",
       "label \"b\" must not occur in ON and GROUP clause at once"},
      {"predict_linear(foo[5m])", "1:1",
       "expected 2 argument(s) in call to \"predict_linear\", got 1"},
      {"histogram_quantile(foo, 0.9)", "1:20",
       "expected type scalar in call to function \"histogram_quantile\", got instant vector"},
      {"label_replace(foo, \"a\", \"b\", \"c\", 1)", "1:35",
       "expected type string in call to function \"label_replace\", got scalar"},
      {"sort_by_label()", "1:1",
       "expected at least 1 argument(s) in call to \"sort_by_label\", got 0"},
      {"hour(foo, bar)", "1:1", "expected at most 1 argument(s) in call to \"hour\", got 2"},
      {"foo >\n  (1 > 2)", "2:6", "comparisons between scalars must use BOOL modifier"},
      {"{__name__=\"\"}", "1:1", "vector selector must contain at least one non-empty matcher"},
      {"foo{__name__=~\"x\"}", "1:1", "metric name must not be set twice: \"foo\" or \"x\""},
  });
  for (const Case& c : cases) check(c);
}

TEST_CASE("the check completes matching clauses") {
  using Cardinality = VectorMatching::Cardinality;
  const auto matching = [](std::string_view text) {
    const auto parsed = parse(text);
    REQUIRE(parsed);
    return std::get<Binary>((*parsed)->node).matching;
  };
  CHECK(matching("a and on(x) b").cardinality == Cardinality::many_to_many);
  CHECK(matching("a or b").cardinality == Cardinality::many_to_many);
  CHECK(matching("a + b").cardinality == Cardinality::one_to_one);
  CHECK(matching("a + on(x) group_left b").cardinality == Cardinality::many_to_one);
  CHECK(matching("a + on(x) group_right b").cardinality == Cardinality::one_to_many);
  // Between a vector and a number there is nothing to match.
  CHECK_FALSE(matching("a + on() 1").on);
  CHECK(matching("a + on() group_left(y) 1").cardinality == Cardinality::one_to_one);
  CHECK(matching("a + on() group_left(y) 1").include.empty());
}

}  // namespace
}  // namespace volta::promql
