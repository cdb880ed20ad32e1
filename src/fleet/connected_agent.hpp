// What all runs of one connected agent share: who it is, the series it has named on this link, how
// much it may send, and when the directory hears of it. See ingest.hpp for what surrounds it.
#pragma once

#include <atomic>
#include <functional>
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
  std::atomic<std::uint64_t> left_out_series{0};   // beyond the limit of their host
  std::atomic<std::uint64_t> left_out_samples{0};  // theirs
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

// The feed of a run of a host; the same for all who ask while it lives.
using FeedSource = std::function<std::shared_ptr<RunFeed>(HostId, const RunId&)>;

// What all agents share; all of it outlives them.
struct SessionParts {
  HostDirectory& directory;
  Journal& journal;
  LinkTable& links;
  const Clock& clock;
  const std::vector<BatchListener*>& listeners;
  IngestCounters& counters;
  FeedSource feeds;
  bool of_group = false;  // IngestOptions
};

struct HelloFacts {
  std::string agent_version;
  std::string facts_json;
  std::int64_t clock_ms = 0;
};

// Calls come from one thread at a time (see IngestSession). Lives as long as a session of it.
class ConnectedAgent {
 public:
  ConnectedAgent(SessionParts parts, HostRecord host, HelloFacts facts, std::string peer,
                 std::shared_ptr<Link> link, std::shared_ptr<HostLimits> limits);
  ConnectedAgent(const ConnectedAgent&) = delete;
  ConnectedAgent& operator=(const ConnectedAgent&) = delete;
  ~ConnectedAgent();

  Result<void> define(std::vector<SeriesDef> series);
  // A batch came. 0: it may be taken; else its link is closed or there are too many now, and it may
  // come again after that.
  std::chrono::milliseconds admit();
  // It is taken. `older`: it says nothing of the agent's rhythm now.
  void heard(const EncodedBatch& batch, bool older);
  // Empty: the batch may go on to the decoder.
  std::string excess(const EncodedBatch& batch, BatchFault& fault) const;
  void look_at_time(const EncodedBatch& batch);
  // How many of its values are of series beyond the limits.
  [[nodiscard]] std::uint32_t left_out_of(const DecodedBatch& batch) const;
  // True at most once a minute: what an agent can cause at will must not fill the log.
  bool may_log();

  [[nodiscard]] const SessionParts& parts() const { return parts_; }
  [[nodiscard]] const HostRecord& host() const { return host_; }
  [[nodiscard]] const std::string& peer() const { return peer_; }
  // Of the slots named so far, SeriesId{} beyond the limits. The vector is replaced, never changed:
  // queued batches hold it.
  [[nodiscard]] const std::shared_ptr<const std::vector<SeriesId>>& series() const {
    return series_;
  }
  [[nodiscard]] const std::vector<std::shared_ptr<const SeriesRecord>>& records() const {
    return records_;
  }

 private:
  void saw(std::int64_t offset_ms);

  const SessionParts parts_;
  const HostRecord host_;
  const HelloFacts facts_;
  const std::string peer_;
  const std::shared_ptr<Link> link_;
  const std::shared_ptr<HostLimits> limits_;

  std::shared_ptr<const std::vector<SeriesId>> series_;
  std::vector<std::shared_ptr<const SeriesRecord>> records_;
  std::size_t left_out_ = 0;  // slots beyond the limits, of no series
  std::int64_t offset_ms_ = 0;
  std::chrono::nanoseconds saw_at_{};
  std::optional<std::chrono::nanoseconds> logged_at_;
};

}  // namespace volta
