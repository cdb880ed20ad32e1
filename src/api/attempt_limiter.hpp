// Slows down guessing of keys: a token bucket per address, 10 attempts and one more every 6 s.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/guarded.hpp"

namespace volta {

// What counts as one address: an IPv4 address, the /64 of an IPv6 one (whoever has one address of
// it has them all), else the text itself. `peer` may carry a port.
std::string address_group(std::string_view peer);

// Thread-safe. At most 4096 addresses; when full, the one longest untouched is forgotten.
class AttemptLimiter {
 public:
  explicit AttemptLimiter(const Clock& clock) : clock_(&clock) {}

  // Takes one attempt before a key is compared. 0: go on; else come back after so many seconds.
  std::chrono::seconds take(std::string_view peer);
  // The attempt was right: it does not count.
  void give_back(std::string_view peer);

  static constexpr double kMostAttempts = 10;
  static constexpr std::chrono::seconds kRefill{6};
  static constexpr std::size_t kMostAddresses = 4096;

 private:
  struct Bucket {
    double attempts = kMostAttempts;
    std::chrono::nanoseconds at{};
  };
  using Buckets = std::map<std::string, Bucket, std::less<>>;
  Bucket& bucket(Buckets& buckets, const std::string& group) const;

  const Clock* clock_;
  Guarded<Buckets> buckets_;
};

}  // namespace volta
