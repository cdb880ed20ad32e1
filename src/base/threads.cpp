#include "base/threads.hpp"

#include <string>
#include <system_error>
#include <utility>

#include "base/error.hpp"

namespace volta {

std::thread start_thread(std::string_view what, std::function<void()> work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error& failure) {
    throw SystemFailure("start", "threads that " + std::string(what), failure.code().value());
  }
}

}  // namespace volta
