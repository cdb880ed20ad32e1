// The fleet as the API shows and administers it. Implemented by fleet/; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/store.hpp"

namespace volta {

enum class HostState : std::uint8_t { live, late, offline, disabled };
std::string_view to_text(HostState state);

struct HostPower {
  double watts = 0;
  Quality quality = Quality::estimated;
};

struct HostStatus {
  HostRecord record;
  HostState state = HostState::offline;
  bool plaintext = false;  // its link is not encrypted and not on loopback
  // Of a host that sends to another server, what the engine behind both has; else empty, and it
  // stands in the host's newest samples.
  std::optional<HostPower> power_elsewhere = {};
};

struct NewToken {
  HostRecord host;
  std::string token;  // 64 hex digits, shown this once
};

class FleetView {
 public:
  virtual ~FleetView() = default;
  [[nodiscard]] virtual std::vector<HostStatus> hosts() const = 0;  // by name
  virtual Result<NewToken> add_host(const std::string& name) = 0;
  virtual Result<NewToken> rotate_token(std::string_view name_or_uid) = 0;  // the live link closes
  virtual Result<void> set_disabled(std::string_view name_or_uid, bool disabled) = 0;
  virtual Result<void> remove_host(std::string_view name_or_uid) = 0;
  // Whether the host may send to another server, where there are several: this one does not hear
  // it.
  [[nodiscard]] virtual bool may_be_elsewhere(HostId host) const = 0;
  // How many clients watch the host live; at least one: its agent flushes every tick.
  virtual void watch(HostId host, bool begin) = 0;
};

}  // namespace volta
