// volta config check|show|init
#include <iostream>
#include <string>
#include <vector>

#include "app/backend.hpp"
#include "app/commands.hpp"
#include "app/group.hpp"
#include "app/missing_cores.hpp"
#include "app/peer_settings.hpp"
#include "app/process.hpp"
#include "app/served_certificate.hpp"
#include "app/server_trust.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

void show(const SettingSpec& spec, const std::string& prefix, const SettingValues& values) {
  const SettingValue& value = values.value(spec.key);
  std::cout << prefix << spec.key << " = " << shown_setting(spec, value) << "    # " << value.origin
            << '\n';
}

// "scrape[1].job = node    # FILE:LINE", the first as 1.
void show_tables(const TableSpec& spec, const std::string& name,
                 std::span<const SettingTable> tables) {
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const std::string prefix = name + "[" + std::to_string(i + 1) + "].";
    for (const SettingSpec& field : spec.fields) show(field, prefix, tables[i]);
    for (const TableSpec& inner : spec.inner)
      show_tables(inner, prefix + inner.name, tables[i].inner(inner.name));
  }
}

}  // namespace

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
  std::vector<std::string> warnings = settings->warnings();
  const std::vector<std::string> cores = missing_cores(*settings);
  warnings.insert(warnings.end(), cores.begin(), cores.end());
  if (options.action == "check") {
    if (options.role == "agent") {
      static_cast<void>(server_trust(*settings));  // throws
    } else {
      // Each throws what the role's start would.
      peer_options(*settings);
      engine_options(*settings);
      if (options.role == "server") shared_hosts_file(*settings);
      const ServedCertificate certificate(*settings, nullptr, system_clock());
    }
  }
  for (const std::string& warning : warnings)
    std::cerr << "volta: warning: " << printable(warning) << '\n';
  if (options.action == "check") {
    std::cout << (warnings.empty() ? "the configuration is good\n"
                                   : "the configuration can be used, but see the warnings\n");
    return code(Exit::done);
  }
  for (const SettingSpec& spec : setting_specs(options.role)) show(spec, "", *settings);
  for (const auto& [name, value] : settings->labels())
    std::cout << "labels." << name << " = " << value << '\n';
  for (const TableSpec& spec : table_specs(options.role))
    show_tables(spec, spec.name, settings->tables(spec.name));
  return code(Exit::done);
}

}  // namespace volta
