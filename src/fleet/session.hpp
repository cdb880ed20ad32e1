// One connected agent: its series, its batches. See ingest.hpp for what surrounds it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "fleet/limits.hpp"
#include "fleet/links.hpp"
#include "fleet/run_feed.hpp"
#include "model/link.hpp"
#include "model/store.hpp"

namespace volta {

// What all sessions count together.
struct IngestCounters {
  std::atomic<std::uint64_t> samples{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> duplicate{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> put_off{0};
  std::atomic<std::uint64_t> conflict{0};
  std::atomic<std::uint64_t> missing{0};
  std::atomic<std::uint64_t> future{0};
  std::atomic<std::uint64_t> wrong_token{0};
  std::atomic<std::uint64_t> disabled_host{0};
  std::atomic<std::uint64_t> bad_hello{0};
  std::atomic<std::uint64_t> too_busy{0};
};

// What all sessions share; all of it outlives them.
struct SessionParts {
  HostDirectory& directory;
  Journal& journal;
  LinkTable& links;
  const Clock& clock;
  const std::vector<BatchListener*>& listeners;
  IngestCounters& counters;
};

struct HelloFacts {
  std::string agent_version;
  std::string facts_json;
  std::int64_t clock_ms = 0;
};

// Calls come from one thread at a time (see IngestSession).
class HostSession final : public IngestSession {
 public:
  HostSession(const SessionParts& parts, const HostRecord& host, HelloFacts facts, std::string peer,
              std::shared_ptr<Link> link, std::shared_ptr<RunFeed> feed,
              std::shared_ptr<HostLimits> limits);
  HostSession(const HostSession&) = delete;
  HostSession& operator=(const HostSession&) = delete;
  ~HostSession() override;

  Result<void> define(std::vector<SeriesDef> series) override;
  void push(EncodedBatch batch, PushDone done) override;
  [[nodiscard]] std::uint64_t durable_seq() const { return feed_->durable_seq(); }

 private:
  void take(EncodedBatch batch, PushDone& done);
  void store(EncodedBatch batch, const RunFeed::Check& check, PushDone& done);
  // Empty: the batch may go on to the decoder.
  std::string excess(const EncodedBatch& batch, BatchFault& fault) const;
  void refuse(const EncodedBatch& batch, BatchFault fault, const std::string& text,
              const PushDone& done);
  void put_off(std::uint64_t seq, std::chrono::milliseconds pause, const PushDone& done);
  void look_at_time(const EncodedBatch& batch);
  void saw(std::int64_t offset_ms);
  // True at most once a minute: what an agent can cause at will must not fill the log.
  bool may_log();

  const SessionParts parts_;
  const HostRecord host_;
  const HelloFacts facts_;
  const std::string peer_;
  const std::shared_ptr<Link> link_;
  const std::shared_ptr<RunFeed> feed_;
  const std::shared_ptr<HostLimits> limits_;
  const FeedOwner owner_;

  // Of the slots named so far. The vector is replaced, never changed: queued batches hold it.
  std::shared_ptr<const std::vector<SeriesId>> series_;
  std::vector<std::shared_ptr<const SeriesRecord>> records_;
  std::size_t named_ = 0;  // slots named; more than records_ once the host's limit was reached
  std::int64_t offset_ms_ = 0;
  std::chrono::nanoseconds saw_at_{};
  std::optional<std::chrono::nanoseconds> logged_at_;
};

}  // namespace volta
