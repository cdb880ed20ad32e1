// What every long-running role does around its parts: signals, the exit code, sd_notify, the C
// library's name services and memory.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace volta {

// CONTRACTS "Exit codes".
enum class Exit : int {
  done = 0,
  failed = 1,
  usage = 2,
  configuration = 3,
  no_energy_source = 4,
  unreachable = 5,
  refused = 6,
  data_directory = 7,
  store_too_new = 8,
  over_budget = 9,
};
constexpr int code(Exit exit) { return static_cast<int>(exit); }

// Ends a role's start with a sentence for the user and the exit code that belongs to it.
class StartFailure : public std::runtime_error {
 public:
  StartFailure(Exit exit, const std::string& text) : std::runtime_error(text), exit_(exit) {}
  [[nodiscard]] Exit exit() const { return exit_; }

 private:
  Exit exit_;
};

// Who starts volta may have closed stdin, stdout or stderr. A file or a link that took their place
// would get what is written to them, the log for one: /dev/null takes it. Call first of all.
void open_standard_streams();

// Blocks SIGINT, SIGTERM and SIGHUP for this thread and all it starts later, ignores SIGPIPE and
// SIGXFSZ. Call before the first thread.
void block_stop_signals();

// Raises the limit of open files to what the system allows: shells and systemd give 1024, so that
// programs that use select() keep working, and a page's connections alone may be as many.
void use_all_descriptors();

// How often systemd wants to hear WATCHDOG=1, half of its patience as sd_watchdog_enabled(3)
// advises; empty: it does not. Of $WATCHDOG_USEC and $WATCHDOG_PID, null where they are not set.
std::optional<std::chrono::microseconds> watchdog_period(const char* usec, pid_t own_pid,
                                                         const char* pid);

// Waits for SIGINT or SIGTERM (SIGHUP is taken and ignored). Wakes up meanwhile only for systemd's
// watchdog, where there is one.
void wait_for_stop();

// True if one of them came before the patience was over.
bool stop_asked_within(std::chrono::milliseconds patience);

// "READY=1", "STOPPING=1" ... to systemd, where it listens ($NOTIFY_SOCKET).
void notify_systemd(std::string_view state);

// A static glibc has the name services "files" and "dns" inside and cannot load others: ask for
// just these, whatever /etc/nsswitch.conf wants. Call before the first look-up.
void use_builtin_name_services();

// glibc keeps an arena a thread; few are enough here and keep the memory flat.
void limit_malloc_arenas(int arenas);

// Of what is freed glibc gives everything beyond 128 KiB back to the kernel at once; a query that
// takes its columns' memory anew each time then spends most of its time in page faults (measured:
// 27 ms of CPU for 1.15 million samples, 10 ms without). This much is kept. Before the first
// thread.
void keep_freed_memory(int bytes);

}  // namespace volta
