// Which addresses volta may open connections to. URLs come from people's configuration, names from
// DNS: so it is the address that is judged, at the moment of connecting (a name that resolves anew
// to something else is judged anew).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct sockaddr;

namespace volta {

// A block of addresses; IPv4 as IPv4-mapped IPv6.
struct Network {
  std::array<std::uint8_t, 16> address{};
  int bits = 128;  // of the mapped form

  [[nodiscard]] bool contains(const std::array<std::uint8_t, 16>& other) const;
  [[nodiscard]] bool contains(const Network& other) const;
};

// "10.0.0.0/8", "fd00::/8", "192.168.1.7". Bits behind the prefix must be zero.
Result<Network> parse_network(std::string_view text);

// Every address is loopback, private (RFC 1918, RFC 6598, ULA), public, or special: link-local with
// the clouds' metadata services, multicast, unspecified, reserved. IPv4 inside IPv6 (mapped, 6to4,
// NAT64) counts as the IPv4 address. Immutable; thread-safe.
class NetworkRules {
 public:
  // Loopback, private and public addresses, no special ones.
  static NetworkRules standard();
  // `allow`: the words loopback, private, public, and networks. A special address is allowed only
  // by a network that lies within the special ones, so 0.0.0.0/0 opens no metadata service.
  // `deny`: networks that are left out of all that is allowed.
  static Result<NetworkRules> make(std::span<const std::string> allow,
                                   std::span<const std::string> deny = {});

  // Of AF_INET and AF_INET6; nothing else is allowed.
  [[nodiscard]] bool allows(const sockaddr& address) const;
  // An address as text, for tests and for configuration that names one.
  [[nodiscard]] bool allows(std::string_view address) const;

 private:
  [[nodiscard]] bool allows(std::array<std::uint8_t, 16> address) const;

  bool loopback_ = false;
  bool private_ = false;
  bool public_ = false;
  std::vector<Network> networks_;
  std::vector<Network> special_;  // of `networks_` those within the special ones
  std::vector<Network> denied_;
};

// "169.254.169.254", "fe80::1"; "?" for other families.
std::string address_text(const sockaddr& address);

}  // namespace volta
