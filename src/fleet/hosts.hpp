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
#include "fleet/sightings.hpp"
#include "model/exposition.hpp"
#include "model/fleet_view.hpp"
#include "model/store.hpp"

namespace volta {

// live: newest data at most 15 s old, or 3 batches; offline: none for 60 s, or no link for 15 s.
HostState host_state(bool disabled, const LinkStatus& link);

// 256 random bits as 64 hex digits, and what is kept of them.
struct HostSecret {
  std::string text;
  Sha256 hash{};
};
HostSecret new_host_secret();

// Where this server is one of several.
struct SharedFleet {
  std::string file;                      // that holds the hosts; "": they are this server's own
  const Sightings* sightings = nullptr;  // of hosts that send to the others; may be null
};

class Hosts final : public FleetView, public SelfMetrics {
 public:
  // All must live longer. Hosts that stand in a shared file are not changed here: whoever asks for
  // that is told the file and the command.
  Hosts(HostDirectory& directory, LinkTable& links, const Clock& clock, SharedFleet shared = {})
      : directory_(directory), links_(links), clock_(clock), shared_(std::move(shared)) {}

  [[nodiscard]] std::vector<HostStatus> hosts() const override;
  Result<NewToken> add_host(const std::string& name) override;
  Result<NewToken> rotate_token(std::string_view name_or_uid) override;
  Result<void> set_disabled(std::string_view name_or_uid, bool disabled) override;
  Result<void> remove_host(std::string_view name_or_uid) override;
  [[nodiscard]] bool may_be_elsewhere(HostId host) const override;
  void watch(HostId host, bool begin) override { links_.watch(host, begin); }

  // volta_server_hosts and volta_server_links.
  void append_to(std::vector<MetricFamily>& families) const override;

 private:
  [[nodiscard]] Result<void> may_change(const std::string& command) const;
  void add_sighting(HostStatus& status) const;

  HostDirectory& directory_;
  LinkTable& links_;
  const Clock& clock_;
  const SharedFleet shared_;
};

}  // namespace volta
