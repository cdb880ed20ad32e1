#include "http/listen_socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/host_port.hpp"

namespace volta {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

struct Endpoint {
  std::string address;  // without brackets
  std::uint16_t port = 0;
  bool loopback = false;
};

Endpoint endpoint_of(const SocketAddress& socket) {
  Endpoint endpoint;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (socket.family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &socket.storage, sizeof v6);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    endpoint.address = text.data();
    endpoint.port = ntohs(v6.sin6_port);
    // An IPv4 client of a socket that listens on both: it calls itself by its IPv4 address.
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      endpoint.address.erase(0, std::strlen("::ffff:"));
    }
  } else if (socket.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &socket.storage, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    endpoint.address = text.data();
    endpoint.port = ntohs(v4.sin_port);
  }
  endpoint.loopback = is_loopback(endpoint.address);
  return endpoint;
}

std::string to_text(const Endpoint& endpoint) {
  return to_text(HostPort{endpoint.address, endpoint.port});
}

std::optional<SocketAddress> parse_address(std::string_view text) {
  const auto address = parse_host_port(text);
  if (!address) return std::nullopt;
  const std::string host = address->host == "localhost" ? "127.0.0.1" : address->host;
  SocketAddress socket;
  if (host.find(':') != std::string::npos) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address->port);
    if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
    std::memcpy(&socket.storage, &v6, sizeof v6);
    socket.length = sizeof v6;
    return socket;
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(address->port);
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1) return std::nullopt;
  std::memcpy(&socket.storage, &v4, sizeof v4);
  socket.length = sizeof v4;
  return socket;
}

[[noreturn]] void fail(const std::string& address, int error_number) {
  const bool busy = error_number == EADDRINUSE;
  throw ListenFailure(busy ? address + " is in use by another process"
                           : "cannot listen on " + address + ": " + error_text(error_number),
                      address, busy);
}

void set_flag(int fd, int level, int option, int value) {
  // Only fails for an option that the kernel lacks; the defaults then do.
  static_cast<void>(::setsockopt(fd, level, option, &value, sizeof value));
}

// Somebody accepts connections there.
bool answers(SocketAddress address) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(probe.get(), address.get(), address.length) == 0 || errno == EAGAIN;
}

}  // namespace

UniqueFd listen_tcp(const std::string& address) {
  auto target = parse_address(address);
  if (!target) {
    throw ListenFailure("'" + address +
                            "' is not an address to listen on; write IP:PORT, for instance "
                            "127.0.0.1:8420 or [::1]:8420",
                        address, false);
  }
  UniqueFd fd(::socket(target->family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) fail(address, errno);
  set_flag(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (target->family() == AF_INET6) set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (::bind(fd.get(), target->get(), target->length) != 0) fail(address, errno);
  if (::listen(fd.get(), 512) != 0) fail(address, errno);
  return fd;
}

UniqueFd listen_unix(const std::filesystem::path& path, uid_t owner) {
  SocketAddress address;
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  const std::string name = path.string();
  if (name.size() >= sizeof local.sun_path) {
    throw ListenFailure("the socket's path " + name + " is longer than the kernel's 107 characters",
                        name, false);
  }
  std::memcpy(local.sun_path, name.c_str(), name.size() + 1);
  std::memcpy(&address.storage, &local, sizeof local);
  address.length = sizeof local;
  struct stat status {};
  if (::lstat(name.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      throw ListenFailure(name + " is in the way of volta's socket; move it away", name, false);
    }
    if (answers(address)) fail(name, EADDRINUSE);
    ::unlink(name.c_str());
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) fail(name, errno);
  // On Linux the file is made with the mode of the descriptor: no moment in which others get in.
  if (::fchmod(fd.get(), 0600) != 0 || ::bind(fd.get(), address.get(), address.length) != 0 ||
      ::chmod(name.c_str(), 0600) != 0 ||
      (::geteuid() == 0 && ::lchown(name.c_str(), owner, static_cast<gid_t>(-1)) != 0) ||
      ::listen(fd.get(), 64) != 0) {
    fail(name, errno);
  }
  return fd;
}

std::string bound_address(int fd) {
  SocketAddress socket;
  if (::getsockname(fd, socket.get(), &socket.length) != 0) {
    throw SystemFailure("ask the address of", "a listening socket", errno);
  }
  return to_text(endpoint_of(socket));
}

Ends ends_of(int fd, bool unix_socket) {
  Ends ends;
  if (unix_socket) {
    ends.peer = {"unix", false, true, false};
    ends.via.unix_socket = true;
    return ends;
  }
  SocketAddress here;
  SocketAddress there;
  if (::getsockname(fd, here.get(), &here.length) != 0 ||
      ::getpeername(fd, there.get(), &there.length) != 0) {
    throw SystemFailure("ask the address of", "a connection", errno);
  }
  const Endpoint local = endpoint_of(here);
  const Endpoint peer = endpoint_of(there);
  ends.peer.address = to_text(peer);
  ends.peer.loopback = peer.loopback && local.loopback;
  ends.via.loopback = ends.peer.loopback;
  ends.via.local_address = local.address;
  if (!ends.peer.loopback) ends.limit_key = peer.address;
  return ends;
}

bool peer_is_owner(int fd, uid_t owner) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return false;
  return credentials.uid == owner || credentials.uid == 0;
}

}  // namespace volta
