// From the layers of configuration to a running log: what every role does first.
#include "app/commands.hpp"
#include "app/missing_cores.hpp"
#include "app/process.hpp"
#include "base/log.hpp"

namespace volta {

Settings load_settings(const std::string& role, const std::optional<std::string>& config,
                       std::vector<SettingsSource::Flag> flags) {
  SettingsSource source;
  source.role = role;
  if (config) source.file = *config;
  source.environment = process_environment();
  source.flags = std::move(flags);
  Result<Settings> settings = read_settings(source);
  if (!settings) throw StartFailure(Exit::configuration, settings.error().text);
  const std::string& level = settings->text("log.level");
  log::configure(level == "debug"     ? log::Level::debug
                 : level == "warning" ? log::Level::warning
                 : level == "error"   ? log::Level::error
                                      : log::Level::info,
                 settings->text("log.format") == "json" ? log::Format::json : log::Format::logfmt);
  for (const std::string& warning : settings->warnings()) log::warning(warning);
  for (const std::string& warning : missing_cores(*settings)) log::warning(warning);
  return std::move(*settings);
}

}  // namespace volta
