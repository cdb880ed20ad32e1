// What the routes stand on. All of it outlives the Api.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/live.hpp"
#include "base/clock.hpp"
#include "model/exposition.hpp"
#include "model/fleet_view.hpp"
#include "model/query.hpp"
#include "model/store.hpp"

namespace volta {

// One component of /readyz. `problem`: empty while it works; from any thread, must not block long.
struct ReadinessProbe {
  std::string name;
  std::function<std::optional<std::string>()> problem;
};

struct ApiParts {
  FleetView& fleet;
  const HostDirectory& hosts;
  const SeriesIndex& index;
  const RangeReader& reader;
  const RangeQueries& queries;
  const Exposition& exposition;
  const Clock& clock;
  LiveHub& live;
  std::vector<const SelfMetrics*> self;
  std::vector<ReadinessProbe> probes;
};

struct ApiSettings {
  std::string role;     // "local" or "server"
  std::string version;  // of this binary
  // Name or id of the host that /metrics shows (`volta local`); "": none, a server shows itself.
  std::string local_host;
  // Plain HTTP, or agents without encryption, beyond loopback: the page says so.
  bool insecure_http = false;
  bool insecure_plaintext = false;
};

}  // namespace volta
