// How volta gets along with KJ's own manners: its log lines go to our log, no stack trace is taken
// (KJ would start addr2line for it), and its exceptions become sentences.
#pragma once

#include <string>
#include <string_view>

#include <kj/exception.h>

namespace volta::rpc {

// For as long as it lives, on this thread. Must stand on the stack.
class QuietKj final : public kj::ExceptionCallback {
 public:
  void logMessage(kj::LogSeverity severity, const char* file, int line, int context_depth,
                  kj::String&& text) override;
  StackTraceMode stackTraceMode() override { return StackTraceMode::NONE; }
};

kj::Exception make_exception(std::string_view text);

// What happened, for people: without KJ's function names and "remote exception: ".
std::string sentence_of(const kj::Exception& exception);

}  // namespace volta::rpc
