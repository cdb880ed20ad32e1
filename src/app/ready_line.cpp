#include "app/ready_line.hpp"

#include <unistd.h>

namespace volta {

void ready_line(const Settings& settings, const std::string& role,
                std::initializer_list<log::Field> fields) {
  const std::string message = "volta " + role + " ready";
  if (settings.text("log.format") == "json") {
    log::write(log::Level::error, message,
               fields);  // whatever the level: other programs wait for it
    return;
  }
  std::string line = message;
  for (const log::Field& field : fields)
    line.append(" ").append(field.key).append("=").append(field.value);
  line += '\n';
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace volta
