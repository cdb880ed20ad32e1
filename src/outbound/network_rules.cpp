#include "outbound/network_rules.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/assert.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

using Address = std::array<std::uint8_t, 16>;

constexpr Address kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
constexpr int kMappedBits = 96;

Address mapped(std::span<const std::uint8_t, 4> four) {
  Address out = kMapped;
  std::copy(four.begin(), four.end(), out.begin() + 12);
  return out;
}

struct ParsedAddress {
  Address address{};
  bool four = false;
};

std::optional<ParsedAddress> parse_address(std::string_view text) {
  const std::string copy(text);
  std::array<std::uint8_t, 4> four{};
  if (::inet_pton(AF_INET, copy.c_str(), four.data()) == 1)
    return ParsedAddress{mapped(four), true};
  Address six{};
  if (::inet_pton(AF_INET6, copy.c_str(), six.data()) == 1) return ParsedAddress{six, false};
  return std::nullopt;
}

// Of our own tables: they parse.
std::vector<Network> networks_of(std::span<const std::string_view> texts) {
  std::vector<Network> out;
  for (const std::string_view text : texts) {
    const Result<Network> network = parse_network(text);
    VOLTA_ASSERT(network.has_value(), text);
    out.push_back(network.value());
  }
  return out;
}

const std::vector<Network>& loopback_networks() {
  static const std::vector<Network> list =
      networks_of(std::array<std::string_view, 2>{"127.0.0.0/8", "::1"});
  return list;
}

// RFC 1918, RFC 6598 (carriers' NAT), RFC 4193.
const std::vector<Network>& private_networks() {
  static const std::vector<Network> list = networks_of(std::array<std::string_view, 5>{
      "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"});
  return list;
}

// The IANA special-purpose registries, and the metadata services of clouds that stand elsewhere:
// AWS (fd00:ec2::254), Alibaba (100.100.100.200), Azure (168.63.129.16). In the NAT64 prefix for
// local use (RFC 8215) an IPv4 address may stand at several places, so it is special as a whole.
const std::vector<Network>& special_networks() {
  static const std::vector<Network> list = networks_of(std::array<std::string_view, 15>{
      "64:ff9b:1::/48", "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4",
      "100.100.100.200", "168.63.129.16", "::", "fe80::/10", "fec0::/10", "ff00::/8", "100::/64",
      "fd00:ec2::254", "fd20:ce::254"});
  return list;
}

bool any_contains(const std::vector<Network>& networks, const Address& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.contains(address); });
}

// The IPv4 address that an IPv6 address is only an envelope of: 6to4 (RFC 3056), NAT64 (RFC 6052),
// the IPv4-translated form (RFC 2765) and the old IPv4-compatible one.
Address unwrapped(const Address& address) {
  const std::span<const std::uint8_t, 16> bytes(address);
  if (address[0] == 0x20 && address[1] == 0x02) return mapped(bytes.subspan<2, 4>());
  constexpr std::array<std::uint8_t, 12> kNat64 = {0x00, 0x64, 0xff, 0x9b};
  if (std::equal(kNat64.begin(), kNat64.end(), address.begin()))
    return mapped(bytes.subspan<12, 4>());
  constexpr std::array<std::uint8_t, 12> kTranslated = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0};
  if (std::equal(kTranslated.begin(), kTranslated.end(), address.begin()))
    return mapped(bytes.subspan<12, 4>());
  const bool low = std::all_of(address.begin(), address.begin() + 12,
                               [](std::uint8_t byte) { return byte == 0; });
  const bool has_four = address[12] != 0 || address[13] != 0 || address[14] != 0;
  return low && has_four ? mapped(bytes.subspan<12, 4>()) : address;
}

}  // namespace

bool Network::contains(const std::array<std::uint8_t, 16>& other) const {
  for (int i = 0; i < 16; ++i) {
    const int left = bits - 8 * i;
    if (left <= 0) return true;
    const auto index = static_cast<std::size_t>(i);
    const auto mask =
        left >= 8 ? std::uint8_t{0xff} : static_cast<std::uint8_t>(0xffU << (8U - unsigned(left)));
    if (((address.at(index) ^ other.at(index)) & mask) != 0) return false;
  }
  return true;
}

bool Network::contains(const Network& other) const {
  return other.bits >= bits && contains(other.address);
}

Result<Network> parse_network(std::string_view text) {
  const Error bad{"'" + std::string(text) +
                  "' is not a network such as 10.0.0.0/8, fd00::/8 or 192.168.1.7"};
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return bad;
  Network network{address->address, 128};
  if (slash != std::string_view::npos) {
    const auto bits = parse_integer<int>(text.substr(slash + 1));
    if (!bits || *bits < 0 || *bits > (address->four ? 32 : 128)) return bad;
    network.bits = address->four ? kMappedBits + *bits : *bits;
  }
  Address rest = network.address;
  for (int i = 0; i < network.bits; ++i) {
    rest.at(static_cast<std::size_t>(i / 8)) &=
        static_cast<std::uint8_t>(~(0x80U >> unsigned(i % 8)));
  }
  if (rest != Address{}) {
    return Error{"'" + std::string(text) + "' has bits set behind its prefix"};
  }
  return network;
}

NetworkRules NetworkRules::standard() {
  NetworkRules rules;
  rules.loopback_ = rules.private_ = rules.public_ = true;
  return rules;
}

Result<NetworkRules> NetworkRules::make(std::span<const std::string> allow,
                                        std::span<const std::string> deny) {
  NetworkRules rules;
  for (const std::string& text : allow) {
    if (text == "loopback") {
      rules.loopback_ = true;
    } else if (text == "private") {
      rules.private_ = true;
    } else if (text == "public") {
      rules.public_ = true;
    } else {
      const Result<Network> network = parse_network(text);
      if (!network) {
        return Error{network.error().text +
                     "; the words loopback, private and public stand for "
                     "such networks"};
      }
      const auto& special = special_networks();
      const bool within = std::any_of(special.begin(), special.end(), [&](const Network& one) {
        return one.contains(network.value());
      });
      (within ? rules.special_ : rules.networks_).push_back(network.value());
    }
  }
  for (const std::string& text : deny) {
    const Result<Network> network = parse_network(text);
    if (!network) return network.error();
    rules.denied_.push_back(network.value());
  }
  return rules;
}

bool NetworkRules::allows(std::array<std::uint8_t, 16> address) const {
  address = unwrapped(address);
  if (any_contains(denied_, address)) return false;
  if (any_contains(special_networks(), address)) return any_contains(special_, address);
  if (any_contains(networks_, address)) return true;
  if (any_contains(loopback_networks(), address)) return loopback_;
  if (any_contains(private_networks(), address)) return private_;
  return public_;
}

bool NetworkRules::allows(const sockaddr& address) const {
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    std::array<std::uint8_t, 4> four{};
    std::memcpy(four.data(), &in.sin_addr, four.size());
    return allows(mapped(four));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    Address six{};
    std::memcpy(six.data(), &in.sin6_addr, six.size());
    return allows(six);
  }
  return false;
}

bool NetworkRules::allows(std::string_view address) const {
  const auto parsed = parse_address(address);
  return parsed && allows(parsed->address);
}

std::string address_text(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const char* done = nullptr;
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    done = ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
  } else if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    done = ::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
  }
  return done == nullptr ? "?" : text.data();
}

}  // namespace volta
