// volta config init: a file with everything there is.
#include <sstream>

#include "app/settings.hpp"

namespace volta {
namespace {

std::string list_text(const std::string& joined) {
  std::string out;
  std::istringstream parts(joined);
  for (std::string part; std::getline(parts, part, ',');)
    out.append(out.empty() ? "" : ", ").append(1, '"').append(part).append(1, '"');
  return "[" + out + "]";
}

std::string template_value(const SettingSpec& spec) {
  const std::string& text = spec.example.empty() ? spec.fallback : spec.example;
  switch (spec.type) {
    case SettingType::text_list:
      return list_text(text);
    case SettingType::text_map:
    case SettingType::text_lists:
      return "{}";
    case SettingType::boolean:
    case SettingType::count:
      return text;
    default:
      return '"' + text + '"';
  }
}

void append_setting(std::string& out, const SettingSpec& spec) {
  out += "# " + spec.help + "\n#" + spec.key.substr(spec.key.rfind('.') + 1) + " = " +
         template_value(spec) + "\n";
}

void append_table(std::string& out, const TableSpec& spec, const std::string& name) {
  out += "\n# " + spec.help + "\n#[[" + name + "]]\n";
  for (const SettingSpec& field : spec.fields) append_setting(out, field);
  for (const TableSpec& inner : spec.inner) append_table(out, inner, name + "." + inner.name);
}

}  // namespace

std::string settings_template(std::string_view role) {
  std::string out = "# volta " + std::string(role) +
                    ": every setting with its default, or an example where it has none.\n"
                    "# Remove the # to change one.\n";
  out +=
      "# Each in a section can also be set by the environment: VOLTA_<SECTION>_<KEY>, for example "
      "VOLTA_LOG_LEVEL=debug;\n# lists with commas between their parts: a,b\n";
  std::string section;
  for (const SettingSpec& spec : setting_specs(role)) {
    const std::string of = spec.key.substr(0, spec.key.rfind('.'));
    if (of != section) out += "\n[" + of + "]\n";
    section = of;
    append_setting(out, spec);
  }
  if (role != "server") out += "\n# Put on every series of this host.\n[labels]\n#rack = \"a1\"\n";
  for (const TableSpec& table : table_specs(role)) append_table(out, table, table.name);
  return out;
}

}  // namespace volta
