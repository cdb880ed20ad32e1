// Log lines on stderr, one line an event, as logfmt or JSON. Safe from any thread: a line is one
// write.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace volta::log {

enum class Level : std::uint8_t { debug, info, warning, error };
enum class Format : std::uint8_t { logfmt, json };

// One `key=value` of a line.
struct Field {
  template <typename T>
  Field(std::string_view field_key, const T& field_value)
      : key(field_key) {  // NOLINT(google-explicit-constructor)
    if constexpr (std::is_same_v<T, bool>) {
      value = field_value ? "true" : "false";
    } else if constexpr (std::is_arithmetic_v<T>) {
      value = std::to_string(field_value);
    } else {
      value = std::string(std::string_view(field_value));
    }
  }
  std::string_view key;
  std::string value;
};

// Called once by main before any thread starts.
void configure(Level least, Format format);

void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});
inline void debug(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::debug, m, f);
}
inline void info(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::info, m, f);
}
inline void warning(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::warning, m, f);
}
inline void error(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::error, m, f);
}

// The line without its end; `write` puts it out. Apart, so that it can be tested.
std::string format_line(Format format, std::int64_t wall_ms, Level level, std::string_view message,
                        std::initializer_list<Field> fields);

}  // namespace volta::log
