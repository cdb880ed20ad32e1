#include "app/ready_line.hpp"

#include <unistd.h>

#include "base/clock.hpp"

namespace volta {

void ready_line(const Settings& settings, const std::string& role,
                std::initializer_list<log::Field> fields) {
  const std::string message = "volta " + role + " ready";
  // Whatever the least level of the log is: other programs wait for it.
  std::string line = message;
  if (settings.text("log.format") == "json") {
    line = log::format_line(log::Format::json, system_clock().wall_ms(), log::Level::info, message,
                            fields);
  } else {
    for (const log::Field& field : fields)
      line.append(" ").append(field.key).append("=").append(field.value);
  }
  line += '\n';
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace volta
