// volta config check|show|init
#include <iostream>

#include "app/commands.hpp"
#include "app/process.hpp"
#include "base/text.hpp"

namespace volta {

int run_config(const ConfigOptions& options) {
  if (options.action == "init") {
    std::cout << settings_template(options.role);
    return code(Exit::done);
  }
  SettingsSource source;
  source.role = options.role;
  if (options.config) source.file = *options.config;
  source.environment = process_environment();
  const Result<Settings> settings = read_settings(source);
  if (!settings) throw StartFailure(Exit::configuration, settings.error().text);
  for (const std::string& warning : settings->warnings())
    std::cerr << "volta: warning: " << printable(warning) << '\n';
  if (options.action == "check") {
    const std::size_t warnings = settings->warnings().size();
    std::cout << (warnings == 0 ? "the configuration is good\n"
                                : "the configuration can be used, but see the warnings\n");
    return code(Exit::done);
  }
  for (const SettingSpec& spec : setting_specs(options.role)) {
    const SettingValue& value = settings->all().at(spec.key);
    std::cout << spec.key << " = " << (value.text.empty() ? "\"\"" : printable(value.text))
              << "    # " << value.origin << '\n';
  }
  for (const auto& [name, value] : settings->labels())
    std::cout << "labels." << name << " = " << value << '\n';
  return code(Exit::done);
}

}  // namespace volta
