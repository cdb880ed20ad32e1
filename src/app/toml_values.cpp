#include "app/toml_values.hpp"

#include <algorithm>

#include "app/toml_guard.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

// The part of a list that stands for this node; empty if there is none.
std::string list_part(SettingType type, const toml::node& item) {
  if (item.is_integer() && type == SettingType::cores)
    return std::to_string(item.as_integer()->get());
  // Lists are kept with commas between.
  if (!item.is_string() || item.as_string()->get().find(',') != std::string::npos) return "";
  return item.as_string()->get();
}

// The text of a TOML value if its type fits the setting's; empty otherwise.
std::optional<std::string> toml_text(SettingType type, const toml::node& node) {
  const bool is_list = type == SettingType::cores || type == SettingType::text_list;
  if (const auto* array = node.as_array()) {
    if (!is_list) return std::nullopt;
    std::string joined;
    for (const toml::node& item : *array) {
      const std::string part = list_part(type, item);
      if (part.empty()) return std::nullopt;
      joined += (joined.empty() ? "" : ",") + part;
    }
    return joined;
  }
  if (const auto* text = node.as_string()) {
    if (type == SettingType::boolean || type == SettingType::count) return std::nullopt;
    return text->get();
  }
  if (const auto* flag = node.as_boolean()) {
    if (type != SettingType::boolean) return std::nullopt;
    return flag->get() ? "true" : "false";
  }
  if (const auto* number = node.as_integer()) {
    const bool fits = type == SettingType::size || type == SettingType::disk_size ||
                      type == SettingType::cores || type == SettingType::count ||
                      (type == SettingType::duration && number->get() == 0);
    if (fits) return std::to_string(number->get());
  }
  return std::nullopt;
}

// The pairs of names and texts; empty if there is anything else among them.
std::optional<std::vector<std::pair<std::string, std::string>>> toml_pairs(SettingType type,
                                                                           const toml::node& node) {
  if (!node.is_table()) return std::nullopt;
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, content] : *node.as_table()) {
    if (const auto* text = content.as_string()) {
      pairs.emplace_back(name.str(), text->get());
    } else if (content.is_array() && type == SettingType::text_lists) {
      for (const toml::node& item : *content.as_array()) {
        if (!item.is_string()) return std::nullopt;
        pairs.emplace_back(name.str(), item.as_string()->get());
      }
    } else {
      return std::nullopt;
    }
  }
  return pairs;
}

}  // namespace

std::string toml_place(const std::string& file, const toml::node& node) {
  return file + ":" + std::to_string(node.source().begin.line);
}

Result<SettingValue> read_setting(const SettingSpec& spec, const std::string& key,
                                  const toml::node& node, const std::string& place) {
  const Error wrong_type{place + ": " + key + " must be " + setting_words(spec)};
  if (spec.type == SettingType::text_map || spec.type == SettingType::text_lists) {
    auto pairs = toml_pairs(spec.type, node);
    if (!pairs) return wrong_type;
    return SettingValue{"", place, std::move(*pairs)};
  }
  const auto text = toml_text(spec.type, node);
  if (!text) return wrong_type;
  if (const auto problem = setting_problem(spec, *text))
    return Error{place + ": " + key + " " + *problem};
  return SettingValue{*text, place};
}

Result<SettingValue> read_pairs(const SettingSpec& spec, const std::string& text,
                                const std::string& origin) {
  const Error wrong{origin + ": " + spec.key + " must be " + setting_words(spec)};
  if (trim(text).empty()) return SettingValue{"", origin};
  const std::string document = "value = " + text;
  if (unfit_for_toml_parser(document)) return wrong;
  try {
    const toml::table table = toml::parse(document, origin);
    const toml::node* node = table.get("value");
    if (table.size() != 1 || node == nullptr) return wrong;
    return read_setting(spec, spec.key, *node, origin);
  } catch (const toml::parse_error&) {
    return wrong;  // without its words, which may hold a secret
  }
}

std::span<const SettingTable> SettingTable::inner(const std::string& name) const {
  const auto found = inner_.find(name);
  if (found == inner_.end()) return {};
  return found->second;
}

Result<std::vector<SettingTable>> TableReader::read(const TableSpec& spec, const std::string& key,
                                                    const toml::node& node) {
  const auto* array = node.as_array();
  const bool tables =
      array != nullptr && std::all_of(array->begin(), array->end(),
                                      [](const toml::node& item) { return item.is_table(); });
  if (!tables)
    return Error{toml_place(file_, node) + ": " + key + " must be sections in double brackets: [[" +
                 key + "]]"};
  std::vector<SettingTable> out;
  for (const toml::node& item : *array) {
    auto one = read_one(spec, key, *item.as_table());
    if (!one) return one.error();
    out.push_back(*std::move(one));
  }
  return out;
}

Result<SettingTable> TableReader::read_one(const TableSpec& spec, const std::string& key,
                                           const toml::table& table) {
  SettingTable made(toml_place(file_, table));
  for (const SettingSpec& field : spec.fields) made.put(field.key, {field.fallback, "default"});
  for (const auto& [name, node] : table) {
    const Result<void> member = read_member(spec, key, made, {std::string(name.str()), &node});
    if (!member) return member.error();
  }
  for (const SettingSpec& field : spec.fields) {
    if (field.required && made.value(field.key).origin == "default")
      return Error{made.place() + ": [[" + key + "]] needs " + field.key + ", " +
                   setting_words(field)};
  }
  return made;
}

Result<void> TableReader::read_member(const TableSpec& spec, const std::string& key,
                                      SettingTable& made,
                                      const std::pair<std::string, const toml::node*>& member) {
  const auto& [name, node] = member;
  const std::string full = key + "." + name;
  const std::string place = toml_place(file_, *node);
  std::vector<std::pair<std::string, std::string>> known;
  for (const SettingSpec& field : spec.fields) {
    if (field.key == name) {
      auto value = read_setting(field, full, *node, place);
      if (!value) return value.error();
      made.put(name, *std::move(value));
      return {};
    }
    known.emplace_back(key + "." + field.key, field.known_as);
  }
  for (const TableSpec& inner : spec.inner) {
    if (inner.name == name) {
      auto tables = read(inner, full, *node);
      if (!tables) return tables.error();
      made.put_inner(name, *std::move(tables));
      return {};
    }
    known.emplace_back(key + "." + inner.name, "");
  }
  warnings_.push_back(unknown_key(place, full, known));
  return {};
}

}  // namespace volta
