// "127.0.0.1:8420", "[::1]:8421", "server.example:8421": the one reader of such texts, and the one
// answer to who is loopback.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace volta {

struct HostPort {
  std::string host;  // without brackets; never empty
  std::uint16_t port = 0;
};

// Empty unless there are a host and a port from 0 to 65535. A host with colons stands in brackets
// and is an IPv6 address; any other consists of letters, digits, '.', '-' and '_'.
std::optional<HostPort> parse_host_port(std::string_view text);

// The other way: brackets around an IPv6 address.
std::string to_text(const HostPort& address);

// True for 127.0.0.0/8, ::1, the same mapped into IPv6, and the name localhost. No other name is
// looked up, so a name such as 127.example is not.
bool is_loopback(std::string_view host);

}  // namespace volta
