// One run of a connected agent: its batches. See ingest.hpp for what surrounds it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fleet/connected_agent.hpp"
#include "fleet/run_feed.hpp"
#include "model/link.hpp"

namespace volta {

// Calls come from one thread at a time (see IngestSession).
class HostSession final : public IngestSession {
 public:
  // `older`: it is drained beside another one. Throws Failure where the store does not answer.
  HostSession(std::shared_ptr<ConnectedAgent> agent, const RunId& run, bool older);
  HostSession(const HostSession&) = delete;
  HostSession& operator=(const HostSession&) = delete;
  ~HostSession() override;

  Result<void> define(std::vector<SeriesDef> series) override;
  void push(EncodedBatch batch, PushDone done) override;
  std::variant<OpenedSession, Refusal> open_run(const RunId& run) override;
  [[nodiscard]] std::uint64_t durable_seq() const { return feed_->durable_seq(); }

 private:
  void take(EncodedBatch batch, PushDone& done);
  void store(EncodedBatch batch, const RunFeed::Check& check, PushDone& done);
  void refuse(const EncodedBatch& batch, BatchFault fault, const std::string& text,
              const PushDone& done);
  void put_off(std::uint64_t seq, std::chrono::milliseconds pause, const PushDone& done);

  const std::shared_ptr<ConnectedAgent> agent_;
  const SessionParts& parts_;
  const RunId run_;
  const bool older_;
  const std::shared_ptr<RunFeed> feed_;
  const FeedOwner owner_;
  bool begun_ = false;  // a batch was taken
};

}  // namespace volta
