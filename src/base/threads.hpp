// Threads whose start can fail: a limit on processes or addresses is the user's to mend, so the
// refusal says which thread it was.
#pragma once

#include <functional>
#include <string_view>
#include <thread>

namespace volta {

// A thread that runs `work`. `what` says what it does, for the error: "threads that WHAT".
// Throws SystemFailure where the system gives none.
[[nodiscard]] std::thread start_thread(std::string_view what, std::function<void()> work);

}  // namespace volta
