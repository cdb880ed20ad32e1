#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <atomic>

#include <unistd.h>

#include "base/clock.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"

namespace volta::log {
namespace {

// Written once before any thread starts; atomics only so that a late read is never a race.
std::atomic<Level> least_level{Level::info};      // NOLINT
std::atomic<Format> line_format{Format::logfmt};  // NOLINT

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

void append_logfmt_value(std::string& out, std::string_view value) {
  const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '"' && c != '=' && c != '\\' && c != '\x7f';
  });
  if (plain) {
    out += value;
  } else {
    append_json_string(out, value);
  }
}

}  // namespace

void configure(Level least, Format format) {
  least_level = least;
  line_format = format;
}

std::string format_line(Format format, std::int64_t wall_ms, Level level, std::string_view message,
                        std::initializer_list<Field> fields) {
  const std::string_view level_name = kLevelNames.at(static_cast<std::size_t>(level));
  std::string out;
  if (format == Format::json) {
    out += R"({"ts":")" + rfc3339(wall_ms) + R"(","level":")";
    out += level_name;
    out += R"(","msg":)";
    append_json_string(out, message);
    for (const Field& field : fields) {
      out += ',';
      append_json_string(out, field.key);
      out += ':';
      append_json_string(out, field.value);
    }
    out += '}';
    return out;
  }
  out += "ts=" + rfc3339(wall_ms) + " level=";
  out += level_name;
  out += " msg=";
  append_logfmt_value(out, message);
  for (const Field& field : fields) {
    out += ' ';
    out += field.key;
    out += '=';
    append_logfmt_value(out, field.value);
  }
  return out;
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (level < least_level.load()) return;
  std::string line =
      format_line(line_format.load(), system_clock().wall_ms(), level, message, fields);
  line += '\n';
  // A failed write to stderr has nobody to be told of.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace volta::log
