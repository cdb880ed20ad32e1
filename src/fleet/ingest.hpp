// Where agents arrive: checks who they are, decodes and limits what they send, shows it to the
// listeners at once, and hands it to the journal. Sequence rules: run_feed.hpp.
//
// Safe from any thread. Sessions must be gone before the Ingest; the journal may go on calling back
// for what it has queued even after that.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "fleet/limits.hpp"
#include "fleet/links.hpp"
#include "fleet/run_feed.hpp"
#include "fleet/session.hpp"
#include "model/exposition.hpp"
#include "model/link.hpp"
#include "model/store.hpp"

namespace volta {

class Ingest final : public BatchSink, public SelfMetrics {
 public:
  // All references must live longer. The listeners hear of each batch once, before it is committed.
  // `stored`: what the hosts' limits count from; null: from nothing.
  Ingest(HostDirectory& directory, Journal& journal, LinkTable& links, const Clock& clock,
         std::vector<BatchListener*> listeners, IngestOptions options = {},
         const SeriesIndex* stored = nullptr);

  std::variant<OpenedSession, Refusal> open(const Hello& hello, const std::string& peer,
                                            std::shared_ptr<AgentControl> control) override;

  // volta_server_{samples,batches,missing_batches,future_batches,refusals}_total.
  void append_to(std::vector<MetricFamily>& families) const override;

 private:
  std::variant<OpenedSession, Refusal> admit(const Hello& hello, const std::string& peer,
                                             std::shared_ptr<AgentControl> control);
  Refusal refuse(RefusalReason reason, const std::string& text, const std::string& peer);
  std::shared_ptr<RunFeed> feed(HostId host, const RunId& run);
  std::shared_ptr<HostLimits> limits(HostId host);

  HostDirectory& directory_;
  Journal& journal_;
  LinkTable& links_;
  const Clock& clock_;
  const std::vector<BatchListener*> listeners_;
  const IngestOptions options_;
  const SeriesIndex* const stored_;
  // Shared with the feeds, which may outlive this.
  const std::shared_ptr<IngestCounters> counters_ = std::make_shared<IngestCounters>();

  std::mutex mutex_;  // guards all below
  std::map<std::pair<HostId, RunId>, std::weak_ptr<RunFeed>> feeds_;
  std::size_t sweep_feeds_at_ = 64;  // expired entries are taken out when the map is this large
  LimitsOfHosts limits_;
};

}  // namespace volta
