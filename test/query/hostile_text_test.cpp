// Expressions that nobody means: they are refused, or read within bounds of depth and memory.
#include <algorithm>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

#include "query/parse_error.hpp"
#include "query/parser.hpp"
#include "query/printer.hpp"
#include "query/selector_parser.hpp"
#include "support/same_tree.hpp"

namespace volta::promql {
namespace {

std::string repeated(std::string_view part, std::size_t times) {
  std::string out;
  out.reserve(part.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

std::string refusal(const std::string& text) {
  const auto parsed = parse(text);
  return parsed ? "" : parsed.error().text;
}

TEST_CASE("nesting is bounded, wherever it comes from") {
  const auto check = [](std::string_view opening, std::string_view inner,
                        std::string_view closing) {
    INFO(opening << inner << closing);
    constexpr std::size_t kMany = 10'000;
    const std::size_t fits = kMostExpressionBytes / (opening.size() + closing.size() + 1);
    const std::size_t many = std::min(kMany, fits);
    const auto nested = [&](std::size_t times) {
      return repeated(opening, times) + std::string(inner) + repeated(closing, times);
    };
    CHECK(refusal(nested(many)).ends_with("expression is nested more than 500 levels deep"));
    const std::string deepest = nested(240);  // some nest two levels at once
    const auto parsed = parse(deepest);
    INFO((parsed ? "" : parsed.error().text));
    REQUIRE(parsed);
    CHECK((*parsed)->levels <= kMostTreeLevels);
    CHECK(same_tree(**parsed, **parse(format(**parsed))));
  };
  check("(", "1", ")");
  check("-(", "1", ")");
  check("abs(", "a", ")");
  check("sum(", "a", ")");
  check("topk(1,", "a", ")");
  check("sum by (x) (", "a", ")");
  check("-", "a", "");
  check("1+", "1", "");
  check("1^", "1", "");
  check("", "1", "+1");
  check("", "a", " or a");
  check("", "a", " and on () a");
  check("a ^ -", "a", "");
  check("max_over_time(", "a", "[5m:])");
}

TEST_CASE("signs before a number count as levels while they are read only") {
  const auto parsed = parse(repeated("-", 400) + "1");
  REQUIRE(parsed);
  CHECK((*parsed)->levels == 1);
  CHECK(refusal(repeated("-", 40'000) + "1") ==
        "1:501: parse error: expression is nested more than 500 levels deep");
}

TEST_CASE("the length of a text is bounded") {
  const auto padded = [](std::size_t size) { return "1" + std::string(size - 1, ' '); };
  CHECK(parse(padded(kMostExpressionBytes)));
  const std::string want = "1:1: parse error: expression is longer than 65536 bytes";
  CHECK(refusal(padded(kMostExpressionBytes + 1)) == want);
  CHECK(refusal(padded(10 * kMostExpressionBytes)) == want);
  const auto selected = parse_selector("a" + std::string(kMostExpressionBytes, ' '));
  REQUIRE(!selected);
  CHECK(selected.error().text == want);
}

TEST_CASE("long names, texts and lists are read whole") {
  const auto check = [](const std::string& text) {
    const auto parsed = parse(text);
    INFO((parsed ? "" : parsed.error().text));
    REQUIRE(parsed);
    const std::string layout = format(**parsed);
    if (layout.size() > kMostExpressionBytes) return;  // its blanks are too much
    const auto again = parse(layout);
    REQUIRE(again);
    CHECK(same_tree(**parsed, **again));
  };
  check(std::string(65'000, 'n'));
  check("a{" + std::string(65'000, 'n') + "=\"\"}");
  check("a{b=\"" + std::string(65'000, 'v') + "\"}");
  check("\"" + std::string(65'000, 'v') + "\"");
  check("\"" + repeated("\\n", 30'000) + "\"");
  check("a{" + repeated("b!=\"c\",", 8'000) + "}");
  check("sum by (" + repeated("a,", 20'000) + ") (b)");
  check("a + on(" + repeated("a,", 20'000) + ") b");
  check("label_join(a,\"b\",\"c\"" + repeated(",\"d\"", 12'000) + ")");
  check("1" + std::string(60'000, '0') + "e-60000");
  check(repeated("# comment\n", 6'000) + "1");
  CHECK(refusal("0." + std::string(60'000, '0') + "1").empty());
  CHECK(refusal(std::string(60'000, '9')).ends_with("value out of range"));
  CHECK(refusal("a[" + std::string(60'000, '9') + "s]") ==
        "1:3: parse error: duration out of range");
}

TEST_CASE("regular expressions are bounded in size and number") {
  const auto refused = [](const std::string& regex) {
    return refusal("a{b=~\"" + regex + "\"}").starts_with("1:3: parse error: the regular expr");
  };
  CHECK(refused(repeated("x{1000}", 9'000)));
  CHECK(refused(repeated("x{1,1000}", 150)));
  CHECK(refused(repeated("\\\\pL", 10'000)));
  CHECK(refused("((x{100}){100}){100}"));
  CHECK(refused("((((x{9}){9}){9}y){9}z){9}"));
  CHECK(refused("(\\\\pL\\\\pN){150}"));
  CHECK(refused(repeated("(", 30'000)));
  CHECK(refused(repeated("(", 30'000) + repeated(")*", 15'000)));
  CHECK(refusal("a{b=~\"" + repeated("host-17.example.org|", 3'000) + "\"}").empty());
  CHECK(refusal("a{b=~\"x{2,5}y{10}\\\\pL+\"}").empty());
  CHECK(refusal(repeated("a{b=~\"x{500}\"} or ", 99) + "a{b!~\"x\"}").empty());
  CHECK(refusal(repeated("a{b=~\"x{990}\"} and a{b=~\"x{990}\"} or ", 49) + "a{b!~\"x\"}").empty());
  CHECK(refusal(repeated("a{b=~\"x{990}y{990}\"} or ", 60) + "b")
            .find("the regular expressions of the request are too large") != std::string::npos);
  CHECK(refusal(repeated("a{b=~\"x\"} or ", kMostRegexes - 1) + "a{b!~\"x\"}").empty());
  CHECK(refusal(repeated("a{b=~\"x\"} or ", kMostRegexes) + "a{b!~\"x\"}")
            .ends_with("more than 100 regular expressions in one request"));
}

TEST_CASE("an error text is short, however long what it quotes") {
  const auto check = [](const std::string& text) {
    const std::string error = refusal(text);
    CHECK(!error.empty());
    CHECK(error.size() < kMostErrorBytes + 100);
  };
  check("\"" + std::string(60'000, 'v') + "\" \"" + std::string(4'000, 'v') + "\"");
  check("1 " + std::string(60'000, '1'));
  check("a[" + repeated("1d", 30'000) + "]");
  check("1" + std::string(60'000, '_'));
  check(std::string(60'000, 'f') + "()");
  check("a " + std::string(60'000, 'b'));
  check("a{b=~\"(" + std::string(60'000, 'b') + "\"}");
  check("a{__name__=\"" + repeated("é", 30'000) + "\"}");
}

TEST_CASE("every cut of a text, and every byte in its middle, is answered") {
  const std::string text =
      "sum by (a, \"b c\") (rate({\"x.y\", b=~'\\x41\\u00e9', c!~`.`}[1h30m] offset -5m @ start()))"
      " >= bool on(z) group_left() -1.5e3 ^ max_over_time(q[5m:1m]) or 0x1F # end\n";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const auto parsed = parse(text.substr(0, length));
    CHECK((parsed || !parsed.error().text.empty()));
  }
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t at = 0; at < text.size(); at += 7) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      const auto parsed = parse(changed);
      CHECK((parsed || parsed.error().text.find(": parse error: ") != std::string::npos));
    }
  }
}

}  // namespace
}  // namespace volta::promql
