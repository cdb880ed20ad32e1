#include "query/lexer.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "query/parser.hpp"

namespace volta::promql {
namespace {
// Texts and places are those of Prometheus 2.42; where Prometheus 3 reads more, those of 3.
TEST_CASE("wrong characters are refused with their place") {
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
      {"sum by (", "1:9", "unclosed left parenthesis"},
      {"foo[", "1:5", "unexpected end of input in duration expression"},
      {"foo[5m", "1:7", "unclosed left bracket"},
      {"foo[a]", "1:5", "unexpected character in duration expression: 'a'"},
      {"foo[5m:", "1:8", "unclosed left bracket"},
      {"foo[5m:1", "1:9", "unclosed left bracket"},
      {"foo{", "1:5", "unexpected end of input inside braces"},
      {"foo{a", "1:6", "unexpected end of input inside braces"},
      {"foo{a=", "1:7", "unexpected end of input inside braces"},
      {")", "1:2", "unexpected right parenthesis ')'"},
      {"(", "1:2", "unclosed left parenthesis"},
      {"1)", "1:3", "unexpected right parenthesis ')'"},
      {"(1", "1:3", "unclosed left parenthesis"},
      {"foo[1h2y]", "1:5", "bad number or duration syntax: \"1h2\""},
      {"1e", "1:1", "bad number or duration syntax: \"1e\""},
      {"0xg", "1:1", "bad number or duration syntax: \"0x\""},
      {"\"a\\q\"", "1:1", "unknown escape sequence U+0071 'q'"},
      {"\"a", "1:1", "unterminated quoted string"},
      {"'a\\x4'", "1:1", "illegal character U+0027 ''' in escape sequence"},
      {"`a", "1:1", "unterminated raw string"},
      {"€", "1:1", "unexpected character: '€'"},
      {"foo €", "1:5", "unexpected character: '€'"},
      {"a =~ b", "1:3", "unexpected character after '=': '~'"},
      {"a ! b", "1:3", "unexpected character after '!': ' '"},
      {"foo\n  + )", "2:6", "unexpected right parenthesis ')'"},
      {"foo{a=\"é\", é}", "1:13", "unexpected character inside braces: 'é'"},
      {"foo]", "1:4", "unexpected right bracket ']'"},
      {"foo[5m]]", "1:8", "unexpected right bracket ']'"},
      {"foo[[5m]]", "1:5", "unexpected character in duration expression: '['"},
      {"foo[5m:1m:1m]", "1:10", "unexpected colon ':'"},
      {"foo[:]", "1:6", "unexpected colon before duration in duration expression"},
      {"foo[\"5m\"]", "1:5", "unexpected character in duration expression: '\"'"},
      {"foo[5m}", "1:7", "unexpected character: '}'"},
      {"foo[5M]", "1:5", "bad number or duration syntax: \"5\""},
      {"foo{a=\"b\"", "1:10", "unexpected end of input inside braces"},
      {"foo{a=\"b\",", "1:11", "unexpected end of input inside braces"},
      {"foo{a:b=\"c\"}", "1:6", "unexpected character inside braces: ':'"},
      {"foo{1=\"c\"}", "1:5", "unexpected character inside braces: '1'"},
      {"foo{a!b}", "1:6", "unexpected character after '!' inside braces: 'b'"},
      {"foo{a!}", "1:6", "unexpected character after '!' inside braces: '}'"},
      {"foo{{}}", "1:5", "unexpected left brace '{'"},
      {"sum(", "1:5", "unclosed left parenthesis"},
      {"sum(foo", "1:8", "unclosed left parenthesis"},
      {"sum(foo))", "1:10", "unexpected right parenthesis ')'"},
      {"!foo", "1:1", "unexpected character after '!': 'f'"},
      {"foo!", "1:4", "unexpected character after '!': '�'"},
      {"foo ! = bar", "1:5", "unexpected character after '!': ' '"},
      {"foo ~ bar", "1:5", "unexpected character: '~'"},
      {"foo & bar", "1:5", "unexpected character: '&'"},
      {"foo | bar", "1:5", "unexpected character: '|'"},
      {"foo ; bar", "1:5", "unexpected character: ';'"},
      {"foo ? bar", "1:5", "unexpected character: '?'"},
      {"$foo", "1:1", "unexpected character: '$'"},
      {"foo.bar", "1:4", "unexpected character: '.'"},
      {"1.2.3", "1:1", "bad number or duration syntax: \"1.2\""},
      {"1__0", "1:1", "bad number or duration syntax: \"1_\""},
      {"1_", "1:1", "bad number or duration syntax: \"1_\""},
      {"0x", "1:1", "bad number or duration syntax: \"0x\""},
      {"1e5.5", "1:1", "bad number or duration syntax: \"1e5\""},
      {"1e+", "1:1", "bad number or duration syntax: \"1e+\""},
      {".", "1:1", "unexpected character: '.'"},
      {"..", "1:1", "unexpected character: '.'"},
      {"1..2", "1:1", "bad number or duration syntax: \"1.\""},
      {"5mm", "1:1", "bad number or duration syntax: \"5mm\""},
      {"5m3", "1:1", "bad number or duration syntax: \"5m3\""},
      {"1d2h3", "1:1", "bad number or duration syntax: \"1d2h3\""},
      {"\"\\xZZ\"", "1:1", "illegal character U+005A 'Z' in escape sequence"},
      {"\"\\400\"", "1:1", "escape sequence is an invalid Unicode code point"},
      {"\"\\ud800\"", "1:1", "escape sequence is an invalid Unicode code point"},
      {"\"\\U00110000\"", "1:1", "escape sequence is an invalid Unicode code point"},
      {"\"\\u12\"", "1:1", "illegal character U+0022 '\"' in escape sequence"},
      {"\"a\nb\"", "1:1", "unterminated quoted string"},
      {"(((foo)", "1:8", "unclosed left parenthesis"},
      {"((foo)))", "1:9", "unexpected right parenthesis ')'"},
      {"0b11", "1:1", "bad number or duration syntax: \"0\""},
      {"0o17", "1:1", "bad number or duration syntax: \"0\""},
  });
  for (const Case& c : cases) check(c);
}

TEST_CASE("tokens and where they stand") {
  const auto kinds = [](std::string_view text) {
    std::vector<TokenKind> out;
    Lexer lexer(text);
    for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
      REQUIRE(token.kind != TokenKind::error);
      REQUIRE(token.begin < token.end);
      REQUIRE(token.end <= text.size());
      out.push_back(token.kind);
    }
    CHECK(lexer.next().kind == TokenKind::end);
    return out;
  };
  using K = TokenKind;
  CHECK(kinds("").empty());
  CHECK(kinds(" \t\r\n# only a comment").empty());
  CHECK(kinds("foo:bar foo :x") ==
        std::vector{K::metric_identifier, K::identifier, K::metric_identifier});
  CHECK(kinds("1 1m 1h30m 0x1 inf NaN") ==
        std::vector{K::number, K::duration, K::duration, K::number, K::number, K::number});
  CHECK(kinds("SUM Topk bY OFFSET aNd Start") == std::vector{K::aggregator, K::aggregator,
                                                             K::word_by, K::word_offset, K::set_and,
                                                             K::at_start});
  CHECK(kinds("== != <= < >= > = + - * / % ^ @ atan2") ==
        std::vector{K::equal, K::not_equal, K::less_equal, K::less, K::greater_equal, K::greater,
                    K::assign, K::add, K::subtract, K::multiply, K::divide, K::modulo, K::power,
                    K::at, K::atan2});
  // Between braces keywords are names, and operators others.
  CHECK(kinds("{sum=~'x',by!~\"y\",on!=`z`}") ==
        std::vector{K::left_brace, K::identifier, K::regex, K::string, K::comma, K::identifier,
                    K::not_regex, K::string, K::comma, K::identifier, K::not_equal, K::string,
                    K::right_brace});
  // Between brackets a colon stands alone.
  CHECK(kinds("x[5m:1m]:y") == std::vector{K::identifier, K::left_bracket, K::duration, K::colon,
                                           K::duration, K::right_bracket, K::metric_identifier});
  CHECK(kinds("[ 5 : ]") == std::vector{K::left_bracket, K::number, K::colon, K::right_bracket});
}

TEST_CASE("nothing is handed out after an error") {
  Lexer lexer("a $ b");
  CHECK(lexer.next().kind == TokenKind::identifier);
  const Token token = lexer.next();
  CHECK(token.kind == TokenKind::error);
  CHECK(token.begin == 2);
  CHECK(lexer.next().kind == TokenKind::end);
}

TEST_CASE("bytes that are not UTF-8 are refused in literals and outside") {
  const auto check = [](std::string_view text, std::string_view want) {
    const auto parsed = parse(text);
    REQUIRE(!parsed);
    CHECK(parsed.error().text == want);
  };
  check("\"a\xff\"", "1:1: parse error: invalid UTF-8 rune");
  check("`\xc3`", "1:1: parse error: invalid UTF-8 rune");
  check("\xff", "1:1: parse error: unexpected character: '\xef\xbf\xbd'");
  check(std::string_view("a\0b", 3), "1:2: parse error: unexpected character: '\\x00'");
}

}  // namespace
}  // namespace volta::promql
