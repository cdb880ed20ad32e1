#include "prom/relabel.hpp"

#include <catch2/catch.hpp>

#include "prom/relabel_hash.hpp"

namespace volta {
namespace {

RelabelRule rule_of(RelabelAction action, std::vector<std::string> source, std::string regex) {
  RelabelRule rule;
  rule.action = action;
  rule.source_labels = std::move(source);
  rule.regex = std::move(regex);
  return rule;
}

RelabelRule replace_rule(std::vector<std::string> source, std::string regex, std::string target,
                         std::string replacement) {
  RelabelRule rule = rule_of(RelabelAction::replace, std::move(source), std::move(regex));
  rule.target_label = std::move(target);
  rule.replacement = std::move(replacement);
  return rule;
}

TEST_CASE("rules keep, drop and change") {
  // "" for dropped.
  const auto check = [](std::vector<RelabelRule> rules, std::string_view want) {
    CAPTURE(want);
    const auto relabeler = Relabeler::make(rules);
    REQUIRE(relabeler);
    Labels labels = {{"__name__", "up"}, {"a", "foo"}, {"b", "bar"}, {"c_x", "baz"}};
    const bool kept = relabeler->apply(labels);
    CHECK((kept ? label_text(labels) : "") == want);
  };
  const std::string all = "{__name__=\"up\",a=\"foo\",b=\"bar\",c_x=\"baz\"}";
  const auto keep = RelabelAction::keep;
  const auto drop = RelabelAction::drop;
  check({}, all);
  check({rule_of(keep, {"a"}, "foo")}, all);
  check({rule_of(keep, {"a"}, "fo")}, "");  // the whole value
  check({rule_of(keep, {"a"}, "f.*")}, all);
  check({rule_of(keep, {"a", "b"}, "foo;bar")}, all);
  check({rule_of(keep, {"missing"}, "")}, all);
  check({rule_of(drop, {"a"}, "foo|x")}, "");
  check({rule_of(drop, {"a"}, "x")}, all);
  check({rule_of(drop, {"__name__"}, "up")}, "");
  check({rule_of(drop, {"a"}, "x"), rule_of(drop, {"b"}, "bar")}, "");
  check({replace_rule({"a"}, "f(o+)", "d", "<$1>")},
        "{__name__=\"up\",a=\"foo\",b=\"bar\",c_x=\"baz\",d=\"<oo>\"}");
  check({replace_rule({"a", "b"}, "(?P<one>.*);(.*)", "b", "${2}${one}$$$9")},
        "{__name__=\"up\",a=\"foo\",b=\"barfoo$\",c_x=\"baz\"}");
  check({replace_rule({"a"}, "x", "d", "y")}, all);      // no match: nothing
  check({replace_rule({"missing"}, "(.*)", "b", "$1")},  // empty: the label goes
        "{__name__=\"up\",a=\"foo\",c_x=\"baz\"}");
  check({replace_rule({"a"}, "(.*)", "l_$1", "1")},
        "{__name__=\"up\",a=\"foo\",b=\"bar\",c_x=\"baz\",l_foo=\"1\"}");
  check({replace_rule({"a"}, "(.*)", "-$1", "1")}, all);  // would be no label name
  check({replace_rule({}, "(.*)", "A", "x")},
        "{A=\"x\",__name__=\"up\",a=\"foo\",b=\"bar\",c_x=\"baz\"}");  // sorted again
  check({replace_rule({"a"}, "(.*)", "d", "$1$")},
        "{__name__=\"up\",a=\"foo\",b=\"bar\",c_x=\"baz\",d=\"foo$\"}");
  check({rule_of(RelabelAction::label_drop, {}, "[ab]")}, "{__name__=\"up\",c_x=\"baz\"}");
  check({rule_of(RelabelAction::label_keep, {}, "__name__|a")}, "{__name__=\"up\",a=\"foo\"}");
  check({rule_of(RelabelAction::label_map, {}, "c_(.+)")},
        "{__name__=\"up\",a=\"foo\",b=\"bar\",c_x=\"baz\",x=\"baz\"}");
  RelabelRule shard = rule_of(RelabelAction::hash_mod, {"a", "b"}, "(.*)");
  shard.target_label = "shard";
  shard.modulus = 1000;
  check({shard}, "{__name__=\"up\",a=\"foo\",b=\"bar\",c_x=\"baz\",shard=\"" +
                     std::to_string(relabel_hash("foo;bar") % 1000) + "\"}");
}

TEST_CASE("rules that cannot be are refused by number") {
  const auto check = [](RelabelRule rule, std::string_view want) {
    const RelabelRule good = rule_of(RelabelAction::keep, {"a"}, "x");
    const auto relabeler = Relabeler::make(std::vector<RelabelRule>{good, std::move(rule)});
    REQUIRE_FALSE(relabeler);
    CHECK(relabeler.error().text.starts_with("rule 2: "));
    CHECK(relabeler.error().text.find(want) != std::string::npos);
  };
  check(rule_of(RelabelAction::keep, {}, "x"), "source_labels");
  check(rule_of(RelabelAction::drop, {}, "x"), "source_labels");
  check(rule_of(RelabelAction::keep, {"a"}, "("), "does not compile");
  check(rule_of(RelabelAction::keep, {"a-b"}, "x"), "no label name");
  check(rule_of(RelabelAction::replace, {"a"}, "x"), "target label");
  check(replace_rule({"a"}, "x", "a-b", "y"), "no label name");
  check(replace_rule({"a"}, "(a{500}){500}", "b", "y"), "does not compile");
  RelabelRule shard = rule_of(RelabelAction::hash_mod, {"a"}, "(.*)");
  shard.target_label = "b";
  check(shard, "modulus");
}

TEST_CASE("actions by their words") {
  CHECK(parse_relabel_action("LabelMap") == RelabelAction::label_map);
  CHECK(parse_relabel_action("hashmod") == RelabelAction::hash_mod);
  CHECK_FALSE(parse_relabel_action("explode"));
  CHECK_FALSE(parse_relabel_action(""));
}

// By Python's hashlib: int.from_bytes(md5(text)[8:], "big").
TEST_CASE("hashes are those of Prometheus' shards") {
  const auto check = [](const std::string& text, std::uint64_t want) {
    CAPTURE(text);
    CHECK(relabel_hash(text) == want);
  };
  check("", 16825458760271544958U);
  check("a", 3585878926028121697U);
  check("localhost:9100;node", 8926001224027386914U);
  check(std::string(55, 'x'), 15661451353638211442U);
  check(std::string(56, 'x'), 7123213223354806603U);
  check(std::string(64, 'x'), 8739068135478731862U);
  check(std::string(200, 'x'), 16131141350317198456U);
}

}  // namespace
}  // namespace volta
