#include "query/parser.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

namespace volta::promql {
namespace {
// Texts and places are those of Prometheus 2.42; where Prometheus 3 reads more, those of 3.
TEST_CASE("what does not parse is refused with its place") {
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
      {"sum foo", "1:5", "unexpected identifier \"foo\""},
      {"sum(a b)", "1:7", "unexpected identifier \"b\" in aggregation"},
      {"sum by (x) (a b)", "1:15", "unexpected identifier \"b\" in aggregation"},
      {"sum(rate(foo bar))", "1:14", "unexpected identifier \"bar\" in aggregation"},
      {"sum(x) y", "1:8", "unexpected identifier \"y\""},
      {"sum 5", "1:5", "unexpected number \"5\""},
      {"sum bool", "1:5", "unexpected <bool>"},
      {"sum by", "1:7", "unexpected end of input in grouping opts, expected \"(\""},
      {"sum by (a b)(x)", "1:11",
       "unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""},
      {"sum by (a,,)(x)", "1:11", "unexpected \",\" in grouping opts, expected label"},
      {"sum by (a:b)(x)", "1:9",
       "unexpected metric identifier \"a:b\" in grouping opts, expected label"},
      {"sum without (atan2, start, inf)(x)", "1:28",
       "unexpected number \"inf\" in grouping opts, expected label"},
      {"sum()", "1:1", "no arguments for aggregate expression provided"},
      {"sum(a,)", "1:6", "trailing commas not allowed in function call args"},
      {"sum(a,,b)", "1:6", "trailing commas not allowed in function call args"},
      {"topk(a)", "1:1",
       "wrong number of arguments for aggregate expression provided, expected 2, got 1"},
      {"foo[5m:1m 2m]", "1:11", "unexpected duration \"2m\" in subquery selector, expected \"]\""},
      {"foo offset", "1:11", "unexpected end of input in offset, expected number or duration"},
      {"foo offset a", "1:12",
       "unexpected identifier \"a\" in offset, expected number or duration"},
      {"foo @", "1:6", "unexpected end of input in @, expected timestamp"},
      {"foo @ start", "1:12", "unexpected end of input in @, expected timestamp"},
      {"foo{a=b}", "1:7", "unexpected identifier \"b\" in label matching, expected string"},
      {"foo{a=\"b\" c=\"d\"}", "1:11",
       "unexpected identifier \"c\" in label matching, expected \",\" or \"}\""},
      {"foo{a=\"b\",,}", "1:11",
       "unexpected \",\" in label matching, expected identifier or \"}\""},
      {"foo{,}", "1:5", "unexpected \",\" in label matching, expected identifier or \"}\""},
      {"1 + on(x) bool 2", "1:11", "unexpected <bool>"},
      {"a + on b", "1:8", "unexpected identifier \"b\" in grouping opts, expected \"(\""},
      {"a + group_left b", "1:5", "unexpected <group_left>"},
      {"foo()", "1:1", "unknown function with name \"foo\""},
      {"1 offset 5m", "1:1",
       "offset modifier must be preceded by an instant vector selector or range vector selector or "
       "a subquery"},
      {"1[5m]", "1:2", "ranges only allowed for vector selectors"},
      {"foo offset 1m[5m]", "1:14", "no offset modifiers allowed before range"},
      {"foo[5m][5m]", "1:8", "ranges only allowed for vector selectors"},
      {"1e999", "1:1",
       "error parsing number: strconv.ParseFloat: parsing \"1e999\": value out of range"},
      {"start()", "1:6", "unexpected \"(\""},
      {"bool", "1:1", "unexpected <bool>"},
      {"on", "1:1", "unexpected <on>"},
      {"atan2", "1:1", "unexpected <op:atan2>"},
      {"foo{a=~\"(\"}", "1:5", "the regular expression \"(\" does not compile: missing ): ("},
      {"# x", "1:1", "no expression found in input"},
      {"foo @ 1e30", "1:1",
       "timestamp out of bounds for @ modifier: 1000000000000000019884624838656.000000"},
      {"foo @ inf", "1:1", "timestamp out of bounds for @ modifier: +Inf"},
      {"a = b", "1:3", "unexpected \"=\""},
      {"\n\n  foo +\n\tbar baz", "4:6", "unexpected identifier \"baz\""},
      {"sum(foo) by (a) b", "1:17", "unexpected identifier \"b\""},
      {"sum by (a) (foo) by (b)", "1:18", "unexpected <by>"},
      {"sum by (a)", "1:11", "unexpected end of input in aggregation"},
      {"sum by (a) foo", "1:12", "unexpected identifier \"foo\" in aggregation"},
      {"by (a)", "1:4", "unexpected \"(\""},
      {"foo bar", "1:5", "unexpected identifier \"bar\""},
      {"foo{}bar", "1:6", "unexpected identifier \"bar\""},
      {"foo,bar", "1:4", "unexpected \",\""},
      {"[5m]", "1:1", "unexpected \"[\""},
      {"foo[5m 1m]", "1:8",
       "unexpected duration \"1m\" in subquery or range, expected \":\" or \"]\""},
      {"foo[5m,]", "1:7", "unexpected \",\" in subquery or range, expected \":\" or \"]\""},
      {"foo[(5m)]", "1:5", "unexpected \"(\" in subquery selector, expected number or duration"},
      {"foo[-5m]", "1:5", "unexpected <op:-> in subquery selector, expected number or duration"},
      {"foo[0s]", "1:5", "duration must be greater than 0"},
      {"foo[0]", "1:5", "duration must be greater than 0"},
      {"foo[5m:0s]", "1:8", "duration must be greater than 0"},
      {"foo[300y]", "1:5", "duration out of range"},
      {"foo[99999999999999999999s]", "1:5", "duration out of range"},
      {"foo[5ms1s]", "1:5", "not a valid duration string: \"5ms1s\""},
      {"foo[1s1s]", "1:5", "not a valid duration string: \"1s1s\""},
      {"foo offset 1m offset 1m", "1:1", "offset may not be set multiple times"},
      {"foo @ 1 @ 2", "1:1", "@ <timestamp> may not be set multiple times"},
      {"foo @ start() @ end()", "1:1", "@ <timestamp> may not be set multiple times"},
      {"foo @ 1[5m]", "1:8", "no @ modifiers allowed before range"},
      {"foo @ \"1\"", "1:7", "unexpected string \"\\\"1\\\"\" in @, expected timestamp"},
      {"foo @ start(1)", "1:13", "unexpected number \"1\" in @, expected timestamp"},
      {"foo @ bar", "1:7", "unexpected identifier \"bar\" in @, expected timestamp"},
      {"(foo) @ 1", "1:1",
       "@ modifier must be preceded by an instant vector selector or range vector selector or a "
       "subquery"},
      {"(foo) offset 1m", "1:1",
       "offset modifier must be preceded by an instant vector selector or range vector selector or "
       "a subquery"},
      {"rate(foo[5m]) offset 1m", "1:1",
       "offset modifier must be preceded by an instant vector selector or range vector selector or "
       "a subquery"},
      {"sum(foo) @ 1", "1:1",
       "@ modifier must be preceded by an instant vector selector or range vector selector or a "
       "subquery"},
      {"1 offset", "1:9", "unexpected end of input in offset, expected number or duration"},
      {"foo offset -", "1:13", "unexpected end of input in offset, expected number or duration"},
      {"foo{a}", "1:6", "unexpected \"}\" in label matching, expected label matching operator"},
      {"foo{=}", "1:5", "unexpected \"=\" in label matching, expected identifier or \"}\""},
      {"foo{\"a\"b}", "1:8",
       "unexpected identifier \"b\" in label matching, expected \",\" or \"}\""},
      {"foo{a==\"b\"}", "1:7", "unexpected \"=\" in label matching, expected string"},
      {"foo{a=\"b\"} {c=\"d\"}", "1:12", "unexpected \"{\""},
      {"{a=\"b\"}foo", "1:8", "unexpected identifier \"foo\""},
      {"sum(,)", "1:5", "unexpected \",\" in aggregation"},
      {"sum(foo,,)", "1:8", "trailing commas not allowed in function call args"},
      {"sum(foo bar)", "1:9", "unexpected identifier \"bar\" in aggregation"},
      {"rate(foo bar)", "1:10", "unexpected identifier \"bar\""},
      {"rate(,)", "1:6", "unexpected \",\""},
      {"rate(foo[5m],)", "1:13", "trailing commas not allowed in function call args"},
      {"rate foo", "1:6", "unexpected identifier \"foo\""},
      {"unknown(1)", "1:1", "unknown function with name \"unknown\""},
      {"unknown(1 2)", "1:11", "unexpected number \"2\""},
      {"Rate(foo[5m])", "1:1", "unknown function with name \"Rate\""},
      {"foo:bar(1)", "1:8", "unexpected \"(\""},
      {"foo and", "1:8", "unexpected end of input"},
      {"foo == == bar", "1:8", "unexpected <op:==>"},
      {"foo =< bar", "1:5", "unexpected \"=\""},
      {"foo <> bar", "1:6", "unexpected <op:>>"},
      {"foo !== bar", "1:7", "unexpected \"=\""},
      {"1 2", "1:3", "unexpected number \"2\""},
      {"1h1d", "1:1", "not a valid duration string: \"1h1d\""},
      {"\"a\" \"b\"", "1:5", "unexpected string \"\\\"b\\\"\""},
      {"sum without a (foo)", "1:13",
       "unexpected identifier \"a\" in grouping opts, expected \"(\""},
      {"sum by (,) (foo)", "1:9", "unexpected \",\" in grouping opts, expected label"},
      {"sum by (1) (foo)", "1:9", "unexpected number \"1\" in grouping opts, expected label"},
      {"foo + on(a group_left bar", "1:12",
       "unexpected <group_left> in grouping opts, expected \",\" or \")\""},
      {"foo + ignoring bar", "1:16",
       "unexpected identifier \"bar\" in grouping opts, expected \"(\""},
      {"foo + on(a) on(b) bar", "1:13", "unexpected <on>"},
      {"foo + bool bool bar", "1:12", "unexpected <bool>"},
      {"foo group_left bar", "1:5", "unexpected <group_left>"},
      {"foo + on(a) group_left(b group_right", "1:26",
       "unexpected <group_right> in grouping opts, expected \",\" or \")\""},
      {"group_left", "1:1", "unexpected <group_left>"},
      {"ignoring(a)", "1:1", "unexpected <ignoring>"},
      {"()", "1:2", "unexpected \")\""},
      {"( )", "1:3", "unexpected \")\""},
      {"-", "1:2", "unexpected end of input"},
      {"2 ^", "1:4", "unexpected end of input"},
      {"^ 2", "1:1", "unexpected <op:^>"},
      {"foo ^ -", "1:8", "unexpected end of input"},
      {"topk(5)", "1:1",
       "wrong number of arguments for aggregate expression provided, expected 2, got 1"},
      {"topk(5, foo, bar)", "1:1",
       "wrong number of arguments for aggregate expression provided, expected 2, got 3"},
      {"topk()", "1:1", "no arguments for aggregate expression provided"},
      {"count_values(\"a\")", "1:1",
       "wrong number of arguments for aggregate expression provided, expected 2, got 1"},
      {"bool{a=\"b\"}", "1:1", "unexpected <bool>"},
      {"group by", "1:9", "unexpected end of input in grouping opts, expected \"(\""},
      {"0xFFFFFFFFFFFFFFFF", "1:1",
       "error parsing number: strconv.ParseFloat: parsing \"0xFFFFFFFFFFFFFFFF\": invalid syntax"},
  });
  for (const Case& c : cases) check(c);
}

// The tree as nested lists, which shows what binds to what.
std::string shape(const Expr& expression) {
  if (const auto* const binary = std::get_if<Binary>(&expression.node)) {
    return "(" + shape(*binary->left) + ' ' + std::string(to_text(binary->op)) + ' ' +
           shape(*binary->right) + ')';
  }
  if (const auto* const unary = std::get_if<Unary>(&expression.node))
    return (unary->minus ? "(-" : "(+") + shape(*unary->inner) + ')';
  if (const auto* const parenthesis = std::get_if<Parenthesis>(&expression.node))
    return '[' + shape(*parenthesis->inner) + ']';
  if (const auto* const number = std::get_if<NumberLiteral>(&expression.node))
    return std::to_string(static_cast<int>(number->value));
  return std::get<VectorSelector>(expression.node).name;
}

TEST_CASE("operators bind as in Prometheus") {
  const auto check = [](std::string_view text, std::string_view want) {
    INFO(text);
    const auto parsed = parse(text);
    REQUIRE(parsed);
    CHECK(shape(**parsed) == want);
  };
  check("a + b * c", "(a + (b * c))");
  check("a * b + c", "((a * b) + c)");
  check("a - b - c", "((a - b) - c)");
  check("a ^ b ^ c", "(a ^ (b ^ c))");
  check("a * b ^ c * d", "((a * (b ^ c)) * d)");
  check("-a ^ b", "(-(a ^ b))");
  check("-1 ^ 2", "(-(1 ^ 2))");
  check("-1 * 2", "(-1 * 2)");
  check("- 1", "-1");
  check("--1", "1");
  check("-a * b", "((-a) * b)");
  check("a ^ -b", "(a ^ (-b))");
  check("a ^ -b * c", "((a ^ (-b)) * c)");
  check("a ^ -b ^ c", "(a ^ (-(b ^ c)))");
  check("a % b atan2 c / d", "(((a % b) atan2 c) / d)");
  check("a + b > c - d", "((a + b) > (c - d))");
  check("a > b == c", "((a > b) == c)");
  check("a and b or c unless d", "((a and b) or (c unless d))");
  check("a or b and c", "(a or (b and c))");
  check("a unless b and c", "((a unless b) and c)");
  check("(a + b) * c", "([(a + b)] * c)");
}

TEST_CASE("values of number literals") {
  const auto check = [](std::string_view text, double want) {
    INFO(text);
    const auto parsed = parse(text);
    REQUIRE(parsed);
    const double value = std::get<NumberLiteral>((*parsed)->node).value;
    CHECK((std::isnan(want) ? std::isnan(value) : value == want));
  };
  check("0", 0);
  check("1", 1);
  check("1.", 1);
  check(".5", 0.5);
  check("1e3", 1000);
  check("1E-3", 0.001);
  check("1_000_000", 1'000'000);
  check("0x1F", 31);
  check("0Xff_ff", 65535);
  check("0755", 493);
  check("08", 8);
  check("1e-400", 0);
  check("18446744073709551616", 18446744073709551616.0);
  check("5m", 300);
  check("1h30m", 5400);
  check("1y2w3d4h5m6s7ms", 365 * 86400 + 17 * 86400 + 4 * 3600 + 306.007);
  check("-2.5", -2.5);
  check("+2.5", 2.5);
  check("Inf", std::numeric_limits<double>::infinity());
  check("-iNF", -std::numeric_limits<double>::infinity());
  check("nan", std::numeric_limits<double>::quiet_NaN());
}

TEST_CASE("values of string literals") {
  const auto check = [](std::string_view text, std::string_view want) {
    INFO(text);
    const auto parsed = parse(text);
    REQUIRE(parsed);
    CHECK(std::get<StringLiteral>((*parsed)->node).value == want);
  };
  check(R"("")", "");
  check(R"("a'b\"c")", "a'b\"c");
  check(R"('a"b\'c')", "a\"b'c");
  check("`a\\n\"'\n`", "a\\n\"'\n");
  check(R"("\a\b\f\n\r\t\v\\")", "\a\b\f\n\r\t\v\\");
  check(R"("\x41\101\u0041\U00000041")", "AAAA");
  check(R"("\u00e9\u20ac\U0001F600")", "é€😀");
  check(R"("\xff\377")", "\xff\xff");
  check("\"é€😀\"", "é€😀");
}

TEST_CASE("times of selectors and subqueries") {
  struct Case {
    std::string_view text;
    std::int64_t offset_ms = 0;
    TimeModifier::At at = TimeModifier::At::none;
    std::int64_t at_ms = 0;
  };
  const auto check = [](const Case& c, const TimeModifier& time) {
    CHECK(time.offset_ms == c.offset_ms);
    CHECK(time.at == c.at);
    CHECK(time.at_ms == c.at_ms);
  };
  using At = TimeModifier::At;
  const std::array cases = std::to_array<Case>({
      {"foo"},
      {"foo offset 5m", 300'000},
      {"foo offset -5m", -300'000},
      {"foo offset 1.5", 1'500},
      {"foo offset +1w", 604'800'000},
      {"foo @ 1.5", 0, At::time, 1'500},
      {"foo @ -1603.0004", 0, At::time, -1'603'000},
      {"foo @ 0x10", 0, At::time, 16'000},
      {"foo @ 0", 0, At::time, 0},
      {"foo @ start()", 0, At::start},
      {"foo @ end ( ) offset 1s", 1'000, At::end},
      {"foo offset 1s @ 3", 1'000, At::time, 3'000},
  });
  for (const Case& c : cases) {
    INFO(c.text);
    const auto instant = parse(c.text);
    REQUIRE(instant);
    check(c, std::get<VectorSelector>((*instant)->node).time);
    std::string changed(c.text);
    const auto matrix = parse(changed.replace(0, 3, "foo[1h30m]"));
    REQUIRE(matrix);
    const auto& range = std::get<MatrixSelector>((*matrix)->node);
    CHECK(range.range_ms == 5'400'000);
    check(c, range.selector.time);
    changed = c.text;
    const auto subquery = parse(changed.replace(0, 3, "foo[1h:30]"));
    REQUIRE(subquery);
    const auto& node = std::get<Subquery>((*subquery)->node);
    CHECK(node.range_ms == 3'600'000);
    CHECK(node.step_ms == 30'000);
    check(c, node.time);
  }
}

TEST_CASE("selectors hold their name among the matchers") {
  const auto check = [](std::string_view text, std::string_view want) {
    INFO(text);
    const auto parsed = parse(text);
    const auto selected = parse_selector(text);
    REQUIRE(parsed);
    REQUIRE(selected);
    const auto joined = [](const Matchers& matchers) {
      std::string out;
      for (const LabelMatcher& matcher : matchers) out += matcher.text() + ' ';
      return out;
    };
    CHECK(joined(std::get<VectorSelector>((*parsed)->node).matchers) == want);
    CHECK(joined(*selected) == want);
  };
  check("up", R"(__name__="up" )");
  check("up{}", R"(__name__="up" )");
  check("job:up:rate5m", R"(__name__="job:up:rate5m" )");
  check("sum", R"(__name__="sum" )");
  check("by{on=\"x\",}", R"(on="x" __name__="by" )");
  check(R"({__name__="up"})", R"(__name__="up" )");
  check(R"({__name__=~"a.+",b!~'c',d!=`e`})", R"(__name__=~"a.+" b!~"c" d!="e" )");
  check(R"({"a.b"})", R"(__name__="a.b" )");
  check(R"({"a.b", "c d"="e", f="g"})", R"(__name__="a.b" "c d"="e" f="g" )");
}

TEST_CASE("selectors that are none, or select everything, are refused") {
  const auto check = [](std::string_view text, std::string_view want) {
    INFO(text);
    const auto selected = parse_selector(text);
    REQUIRE(!selected);
    CHECK(selected.error().text == want);
  };
  check("", "1:1: parse error: unexpected end of input");
  check("{}", "match[] must contain at least one non-empty matcher");
  check(R"({a=~".*"})", "match[] must contain at least one non-empty matcher");
  check("foo{a}", R"(1:6: parse error: unexpected "}" in label matching, expected )"
                  "label matching operator");
  check("foo bar", R"(1:5: parse error: unexpected identifier "bar")");
  check("foo[5m]", R"(1:4: parse error: unexpected "[")");
  check("sum(foo)", R"(1:4: parse error: unexpected "(")");
  check("1", R"(1:1: parse error: unexpected number "1")");
  check(R"(a{__name__="b"})", R"(1:1: parse error: metric name must not be set twice: "a" or "b")");
}

}  // namespace
}  // namespace volta::promql
