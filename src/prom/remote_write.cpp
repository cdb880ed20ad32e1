#include "prom/remote_write.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"

namespace volta {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// Cuts the next part, trimmed, off the front of `rest`.
std::string_view cut(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const std::string_view part = trim(rest.substr(0, at));
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return part;
}

}  // namespace

std::optional<WriteVersion> announced_write_version(std::string_view content_type,
                                                    std::string_view version_header) {
  std::string_view version = trim(version_header);
  if (!version.empty()) {
    const auto major = parse_integer<unsigned>(cut(version, '.'));
    if (!major || *major > 2) return std::nullopt;
  }
  std::string_view rest = trim(content_type);
  if (rest.empty()) return WriteVersion::v1;
  if (!same_word(cut(rest, ';'), "application/x-protobuf")) return std::nullopt;
  WriteVersion announced = WriteVersion::v1;
  while (!rest.empty()) {
    std::string_view parameter = cut(rest, ';');
    if (parameter.empty()) continue;
    const std::string_view key = cut(parameter, '=');
    if (!same_word(key, "proto")) continue;
    std::string_view message = trim(parameter);
    if (message.size() >= 2 && message.front() == '"' && message.back() == '"') {
      message = message.substr(1, message.size() - 2);
    }
    if (message == "io.prometheus.write.v2.Request") {
      announced = WriteVersion::v2;
    } else if (message == "prometheus.WriteRequest") {
      announced = WriteVersion::v1;
    } else {
      return std::nullopt;
    }
  }
  return announced;
}

bool write_encoding_known(std::string_view content_encoding) {
  return same_word(trim(content_encoding), "snappy");
}

std::string_view write_content_type(WriteVersion version) {
  return version == WriteVersion::v2 ? "application/x-protobuf;proto=io.prometheus.write.v2.Request"
                                     : "application/x-protobuf";
}

std::string_view write_version_header(WriteVersion version) {
  return version == WriteVersion::v2 ? "2.0.0" : "0.1.0";
}

}  // namespace volta
