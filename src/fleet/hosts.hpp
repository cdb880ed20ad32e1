// The fleet as people see and administer it: the directory's records, joined with what the links
// tell. Tokens are made here, shown once, and only their SHA-256 is kept.
//
// Safe from any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "fleet/links.hpp"
#include "model/exposition.hpp"
#include "model/fleet_view.hpp"
#include "model/store.hpp"

namespace volta {

// live: newest data at most 15 s old, or 3 batches; offline: none for 60 s, or no link for 15 s.
HostState host_state(bool disabled, const LinkStatus& link);

class Hosts final : public FleetView, public SelfMetrics {
 public:
  // Both must live longer.
  Hosts(HostDirectory& directory, LinkTable& links) : directory_(directory), links_(links) {}

  [[nodiscard]] std::vector<HostStatus> hosts() const override;
  Result<NewToken> add_host(const std::string& name) override;
  Result<NewToken> rotate_token(std::string_view name_or_uid) override;
  Result<void> set_disabled(std::string_view name_or_uid, bool disabled) override;
  Result<void> remove_host(std::string_view name_or_uid) override;
  void watch(HostId host, bool begin) override { links_.watch(host, begin); }

  // volta_server_hosts and volta_server_links.
  void append_to(std::vector<MetricFamily>& families) const override;

 private:
  HostDirectory& directory_;
  LinkTable& links_;
};

}  // namespace volta
