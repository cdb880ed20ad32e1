// Who keeps the samples: volta's own store, or another engine that speaks Prometheus' protocols.
// Hosts, their tokens and what is live stay with the store in both cases.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "api/api_parts.hpp"
#include "model/exposition.hpp"
#include "model/query.hpp"
#include "model/query_engine.hpp"
#include "model/sample_sink.hpp"
#include "model/store.hpp"
#include "outbound/network_rules.hpp"
#include "prom/engine_client.hpp"
#include "store/store.hpp"

namespace volta {

class Settings;

// `[store] engine = "prometheus"`.
struct EngineOptions {
  EngineTarget target;
  NetworkRules rules = NetworkRules::standard();
};

// Empty: volta's own. Throws StartFailure with what is wrong and where.
std::optional<EngineOptions> engine_options(const Settings& settings);

// Thread-safe, as what it gives.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual Journal& journal() = 0;  // of agents' batches
  [[nodiscard]] virtual SampleSink& sink() = 0;  // of samples with all their labels
  [[nodiscard]] virtual const QueryEngine& engine() const = 0;
  [[nodiscard]] virtual const SeriesSource& source() const = 0;
  [[nodiscard]] virtual const RangeQueries& ranges() const = 0;
  [[nodiscard]] virtual std::vector<const SelfMetrics*> self() const { return {}; }
  [[nodiscard]] virtual std::vector<ReadinessProbe> probes() const { return {}; }
  // What is on its way to another engine ends unanswered: who wrote it is told to come again.
  // Before HTTP stops, which waits for whoever asks or writes.
  virtual void break_off() {}
  // Takes nothing more. Before the store closes. Again: nothing.
  virtual void stop() {}
};

// The store must live longer.
std::unique_ptr<Backend> make_backend(Store& store, const std::optional<EngineOptions>& options);

}  // namespace volta
