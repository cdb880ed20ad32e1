#include "rpc/quiet_kj.hpp"

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace volta::rpc {

void QuietKj::logMessage(kj::LogSeverity severity, const char* file, int line,
                         int /*context_depth*/, kj::String&& text) {
  const auto level = severity >= kj::LogSeverity::ERROR ? log::Level::warning : log::Level::debug;
  log::write(level, std::string_view(text.cStr(), text.size()),
             {{"from", fmt::format("{}:{}", file, line)}});
}

kj::Exception make_exception(std::string_view text) {
  return {kj::Exception::Type::FAILED, __FILE__, __LINE__,
          kj::heapString(text.data(), text.size())};
}

std::string sentence_of(const kj::Exception& exception) {
  const kj::StringPtr description = exception.getDescription();
  std::string_view text(description.cStr(), description.size());
  // KJ has no errno in its exceptions, only strerror's words in their text.
  constexpr std::array kErrors = {ECONNREFUSED, ENETUNREACH, EHOSTUNREACH,  ETIMEDOUT,
                                  ECONNRESET,   EPIPE,       EADDRNOTAVAIL, EMFILE};
  for (const int error : kErrors) {
    if (text.find(error_text(error)) != std::string_view::npos) return error_text(error);
  }
  if (text.find("DNS lookup failed") != std::string_view::npos) return "no such host name";
  constexpr std::string_view kRemote = "remote exception: ";
  while (text.starts_with(kRemote)) text.remove_prefix(kRemote.size());
  return std::string(text);
}

}  // namespace volta::rpc
