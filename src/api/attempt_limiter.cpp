#include "api/attempt_limiter.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include <arpa/inet.h>

#include "base/crypto.hpp"
#include "base/host_port.hpp"

namespace volta {

std::string address_group(std::string_view peer) {
  const auto parsed = parse_host_port(peer);
  std::string address = parsed ? parsed->host : std::string(peer);
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return address;
  static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
    return std::to_string(bytes[12]) + '.' + std::to_string(bytes[13]) + '.' +
           std::to_string(bytes[14]) + '.' + std::to_string(bytes[15]);
  }
  return hex(std::span(bytes).first(8)) + "/64";
}

AttemptLimiter::Bucket& AttemptLimiter::bucket(Buckets& buckets, const std::string& group) const {
  const auto now = clock_->boottime();
  auto found = buckets.find(group);
  if (found == buckets.end()) {
    if (buckets.size() >= kMostAddresses) {
      buckets.erase(
          std::min_element(buckets.begin(), buckets.end(),
                           [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
    }
    found = buckets.emplace(group, Bucket{kMostAttempts, now}).first;
  }
  Bucket& held = found->second;
  const std::chrono::duration<double> passed = now - held.at;
  held.attempts = std::min(kMostAttempts, held.attempts + passed / kRefill);
  held.at = now;
  return held;
}

std::chrono::seconds AttemptLimiter::take(std::string_view peer) {
  const std::string group = address_group(peer);
  return buckets_.with([&](Buckets& buckets) {
    Bucket& held = bucket(buckets, group);
    // A thousandth of grace: refilled in parts, the sum may miss 1 by a rounding error.
    if (held.attempts < 0.999) {
      const double wait = std::ceil((1 - held.attempts) * static_cast<double>(kRefill.count()));
      return std::chrono::seconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(wait)));
    }
    held.attempts = std::max(0.0, held.attempts - 1);
    return std::chrono::seconds(0);
  });
}

void AttemptLimiter::give_back(std::string_view peer) {
  const std::string group = address_group(peer);
  buckets_.with([&](Buckets& buckets) {
    Bucket& held = bucket(buckets, group);
    held.attempts = std::min(kMostAttempts, held.attempts + 1);
  });
}

}  // namespace volta
