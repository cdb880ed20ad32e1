// What the routes stand on. All of it outlives the Api.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/live.hpp"
#include "base/clock.hpp"
#include "model/exposition.hpp"
#include "model/fleet_view.hpp"
#include "model/prometheus_formats.hpp"
#include "model/query.hpp"
#include "model/query_engine.hpp"
#include "model/sample_sink.hpp"
#include "model/scrape_targets.hpp"
#include "model/store.hpp"

namespace volta {

// One component of /readyz. `problem`: empty while it works; from any thread, must not block long.
struct ReadinessProbe {
  std::string name;
  std::function<std::optional<std::string>()> problem;
};

// What /prometheus stands on. A null part: this role has none, and its routes say so with 503.
struct PrometheusParts {
  const QueryEngine* engine = nullptr;
  const SeriesSource* source = nullptr;
  SampleSink* sink = nullptr;
  const PrometheusFormats* formats = nullptr;
  const ScrapeTargets* targets = nullptr;  // null: none are scraped
  QueryLimits limits;
  // Each of these holds one of http/'s workers, those that wait too.
  std::size_t most_queries = 4;
  std::size_t most_waiting_queries = 24;
  std::size_t most_writes = 4;
  std::size_t most_waiting_writes = 4;
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
  PrometheusParts prometheus = {};
};

// How long what is stored stays; 0: for ever, of the size: as large as it gets.
struct StorageLimits {
  std::string engine = "volta";  // another one decides by itself: all else says nothing then
  std::chrono::milliseconds raw{0}, minute{0}, hour{0};
  std::int64_t size_bytes = 0;
};

struct ApiSettings {
  std::string role;     // "local" or "server"
  std::string version;  // of this binary
  // Name or id of the host that /metrics shows (`volta local`); "": none, a server shows itself.
  std::string local_host;
  // Plain HTTP, or agents without encryption, beyond loopback: the page says so.
  bool insecure_http = false;
  bool insecure_plaintext = false;
  StorageLimits retention = {};
};

}  // namespace volta
