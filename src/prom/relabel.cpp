#include "prom/relabel.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <re2/re2.h>

#include "model/regex_template.hpp"
#include "prom/label_rules.hpp"
#include "prom/relabel_hash.hpp"

namespace volta {
namespace {

constexpr std::int64_t kMostRegexBytes = 1 << 20;

struct ActionWord {
  std::string_view word;
  RelabelAction action;
};
constexpr ActionWord kActions[] = {
    {"keep", RelabelAction::keep},           {"drop", RelabelAction::drop},
    {"replace", RelabelAction::replace},     {"hashmod", RelabelAction::hash_mod},
    {"labelmap", RelabelAction::label_map},  {"labeldrop", RelabelAction::label_drop},
    {"labelkeep", RelabelAction::label_keep}};

// A label that a rule makes is no longer than this; one that would be is not made.
constexpr std::size_t kMostMadeBytes = std::size_t{64} << 10U;

using LabelMap = std::map<std::string, std::string, std::less<>>;

void set_label(LabelMap& labels, const std::string& name, std::string value) {
  if (value.empty()) {
    labels.erase(name);
  } else {
    labels[name] = std::move(value);
  }
}

}  // namespace

std::optional<RelabelAction> parse_relabel_action(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  for (const auto& [name, action] : kActions) {
    if (name == lower) return action;
  }
  return std::nullopt;
}

struct Relabeler::Compiled {
  RelabelRule rule;
  std::shared_ptr<const re2::RE2> regex;
  RegexTemplate target, replacement;
  int groups = 0;  // that the templates may name, the whole match among them

  static Result<Compiled> make(const RelabelRule& rule);
  [[nodiscard]] std::string source(const LabelMap& labels) const;
  [[nodiscard]] bool matches(std::string_view text) const {
    return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *regex);
  }
  void replace(LabelMap& labels) const;
  void map_labels(LabelMap& labels) const;
  [[nodiscard]] bool apply(LabelMap& labels) const;
};

Result<Relabeler::Compiled> Relabeler::Compiled::make(const RelabelRule& rule) {
  const auto is = [&](RelabelAction action) { return rule.action == action; };
  const bool needs_target = is(RelabelAction::replace) || is(RelabelAction::hash_mod);
  if (needs_target && rule.target_label.empty()) return Error{"the action needs a target label"};
  if (is(RelabelAction::hash_mod) && !is_label_name(rule.target_label)) {
    return Error{"\"" + rule.target_label + "\" is no label name"};
  }
  if (is(RelabelAction::hash_mod) && rule.modulus == 0) return Error{"hashmod needs a modulus"};
  const bool needs_source = is(RelabelAction::keep) || is(RelabelAction::drop);
  if (needs_source && rule.source_labels.empty()) return Error{"the action needs source_labels"};
  const bool plain_target = rule.target_label.find('$') == std::string::npos;
  if (is(RelabelAction::replace) && plain_target && !is_label_name(rule.target_label)) {
    return Error{"\"" + rule.target_label + "\" is no label name"};
  }
  for (const auto& name : rule.source_labels) {
    if (!is_label_name(name)) return Error{"\"" + name + "\" is no label name"};
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(kMostRegexBytes);
  Compiled made;
  made.rule = rule;
  made.regex = std::make_shared<const re2::RE2>(rule.regex, options);
  if (!made.regex->ok()) {
    return Error{"the regular expression \"" + rule.regex +
                 "\" does not compile: " + made.regex->error()};
  }
  made.target = RegexTemplate(rule.target_label, *made.regex);
  made.replacement = RegexTemplate(rule.replacement, *made.regex);
  made.groups = made.regex->NumberOfCapturingGroups() + 1;
  return made;
}

std::string Relabeler::Compiled::source(const LabelMap& labels) const {
  std::string text;
  for (std::size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i > 0) text += rule.separator;
    const auto found = labels.find(rule.source_labels[i]);
    if (found != labels.end()) text += found->second;
  }
  return text;
}

void Relabeler::Compiled::replace(LabelMap& labels) const {
  const std::string text = source(labels);
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(groups));
  if (!regex->Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, found.data(), groups)) return;
  // A name that only this series makes impossible leaves the series as it was.
  const auto name = target.expand(found, kMostMadeBytes);
  auto value = replacement.expand(found, kMostMadeBytes);
  if (name && value && is_label_name(*name)) set_label(labels, *name, std::move(*value));
}

void Relabeler::Compiled::map_labels(LabelMap& labels) const {
  LabelMap made;
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(groups));
  for (const auto& [name, value] : labels) {
    if (!regex->Match(name, 0, name.size(), re2::RE2::ANCHOR_BOTH, found.data(), groups)) continue;
    const auto to = replacement.expand(found, kMostMadeBytes);
    if (to && is_label_name(*to)) made[*to] = value;
  }
  for (auto& [name, value] : made) labels[name] = std::move(value);
}

bool Relabeler::Compiled::apply(LabelMap& labels) const {
  switch (rule.action) {
    case RelabelAction::keep:
      return matches(source(labels));
    case RelabelAction::drop:
      return !matches(source(labels));
    case RelabelAction::replace:
      replace(labels);
      break;
    case RelabelAction::hash_mod:
      set_label(labels, rule.target_label,
                std::to_string(relabel_hash(source(labels)) % rule.modulus));
      break;
    case RelabelAction::label_map:
      map_labels(labels);
      break;
    case RelabelAction::label_drop:
      std::erase_if(labels, [&](const auto& label) { return matches(label.first); });
      break;
    case RelabelAction::label_keep:
      std::erase_if(labels, [&](const auto& label) { return !matches(label.first); });
      break;
  }
  return true;
}

Result<Relabeler> Relabeler::make(std::span<const RelabelRule> rules) {
  Relabeler made;
  if (rules.empty()) return made;
  auto compiled = std::make_shared<std::vector<Compiled>>();
  for (std::size_t i = 0; i < rules.size(); ++i) {
    auto rule = Compiled::make(rules[i]);
    if (!rule) return Error{"rule " + std::to_string(i + 1) + ": " + rule.error().text};
    compiled->push_back(std::move(*rule));
  }
  made.rules_ = std::move(compiled);
  return made;
}

bool Relabeler::apply(Labels& labels) const {
  if (rules_ == nullptr) return true;
  LabelMap map;
  for (auto& [name, value] : labels) map[std::move(name)] = std::move(value);
  for (const auto& rule : *rules_) {
    if (!rule.apply(map)) return false;
  }
  labels.clear();
  for (auto& [name, value] : map) labels.emplace_back(name, std::move(value));
  return true;
}

}  // namespace volta
