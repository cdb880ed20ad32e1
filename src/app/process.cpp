#include "app/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <malloc.h>
#include <nss.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace volta {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

// Empty too where nobody listens.
std::optional<timespec> wanted_watchdog() {
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody sets variables
  const char* usec = std::getenv("WATCHDOG_USEC");
  const char* pid = std::getenv("WATCHDOG_PID");
  const char* path = std::getenv("NOTIFY_SOCKET");
  // NOLINTEND(concurrency-mt-unsafe)
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return std::nullopt;
  const auto period = watchdog_period(usec, ::getpid(), pid);
  if (!period) return std::nullopt;
  return timespec{period->count() / 1'000'000, period->count() % 1'000'000 * 1000};
}

}  // namespace

void open_standard_streams() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::open("/dev/null", O_RDWR);
  if (fd > STDERR_FILENO) ::close(fd);
}

void block_stop_signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is a failed write, as on a full disk
}

void use_all_descriptors() {
  constexpr rlim_t kEnough = 1 << 20;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kEnough));
  // As it was, if this fails: connections are limited all the same.
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::optional<std::chrono::microseconds> watchdog_period(const char* usec, pid_t own_pid,
                                                         const char* pid) {
  using std::chrono::microseconds;
  const auto patience = parse_integer<std::int64_t>(usec != nullptr ? usec : "");
  if (!patience || *patience <= 0) return std::nullopt;
  if (pid != nullptr && parse_integer<pid_t>(pid) != own_pid) return std::nullopt;
  return std::max(microseconds(*patience) / 2, microseconds(1000));
}

void wait_for_stop() {
  const sigset_t set = stop_signals();
  const auto period = wanted_watchdog();
  while (true) {
    const int signal = period ? sigtimedwait(&set, nullptr, &*period) : sigwaitinfo(&set, nullptr);
    if (signal == SIGINT || signal == SIGTERM) return;
    if (period) notify_systemd("WATCHDOG=1");
  }
}

bool stop_asked_within(std::chrono::milliseconds patience) {
  const sigset_t set = stop_signals();
  const timespec timeout{patience.count() / 1000, patience.count() % 1000 * 1'000'000};
  const int signal = sigtimedwait(&set, nullptr, &timeout);
  return signal == SIGINT || signal == SIGTERM;
}

void notify_systemd(std::string_view state) {
  const char* path =
      std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Nobody is told if this fails, and nobody waits who must hear SIGTERM: systemd will notice.
  ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&address),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
}

void use_builtin_name_services() { __nss_configure_lookup("hosts", "files dns"); }

void limit_malloc_arenas(int arenas) {
  mallopt(M_ARENA_MAX, arenas);  // NOLINT(concurrency-mt-unsafe): before any thread starts
}

void keep_freed_memory(int bytes) {
  // NOLINTBEGIN(concurrency-mt-unsafe): before any thread starts
  mallopt(M_TRIM_THRESHOLD, bytes);
  // Setting one stops glibc from adapting the other: what is larger would be mapped each time.
  mallopt(M_MMAP_THRESHOLD, std::min(bytes, 32 << 20));  // the most it takes
  // NOLINTEND(concurrency-mt-unsafe)
}

}  // namespace volta
