// The live stream: batches go in as they arrive, before their commit, and come out as frames for
// WebSocket and SSE clients.
//
// The ingest's thread only picks the newest values out of a watched host's batch and queues them;
// the hub's own thread builds the frames. A client's subscription first hears its index, then
// frames whose numbers all stand in an index sent before. Senders replace queued messages of the
// same key, therefore index messages have none, and a frame's key changes with every index message:
// a frame is only ever replaced by one that needs no newer index.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "api/access.hpp"
#include "api/live_feed.hpp"
#include "api/live_group.hpp"
#include "api/live_message.hpp"
#include "base/bounded_queue.hpp"
#include "base/clock.hpp"
#include "model/exposition.hpp"
#include "model/http.hpp"
#include "model/store.hpp"

namespace volta {

// All of it outlives the hub.
struct LiveParts {
  const HostDirectory& hosts;
  const SeriesIndex& index;
  const RangeReader& reader;
  const Clock& clock;
  // FleetView::watch; once per subscription with true, once with false. Never under the hub's lock.
  std::function<void(HostId, bool)> watch;
};

// Thread-safe. Its clients' receivers must be gone before it is destroyed: stop http/ first.
class LiveHub final : public BatchListener, public SelfMetrics {
 public:
  explicit LiveHub(LiveParts parts);
  LiveHub(const LiveHub&) = delete;
  LiveHub& operator=(const LiveHub&) = delete;
  ~LiveHub() override;  // ends the thread

  void on_batch(HostId host, const DecodedBatch& batch,
                std::span<const std::shared_ptr<const SeriesRecord>> series) override;
  void append_to(std::vector<MetricFamily>& families) const override;

  // Who looks on. `allowed` is asked at every message and every 5 s: false closes with 4401. It is
  // called under the hub's lock, as is the sender: neither may call the hub.
  struct Viewer {
    std::shared_ptr<StreamSender> sender;
    Who who;
    std::function<bool()> allowed;
  };
  // A WebSocket client, which says itself what it wants. Destroy the receiver to leave.
  std::unique_ptr<StreamReceiver> connect(Viewer viewer);
  // An SSE client with its one subscription, or why not.
  std::variant<std::unique_ptr<StreamReceiver>, Declined> connect(Viewer viewer,
                                                                  const Subscribe& wish);

  // Returns once all batches handed over so far are worked off. For tests.
  void drain();

  static constexpr std::size_t kMostSubscriptions = 32;  // per client
  static constexpr std::size_t kQueuedBatches = 256;     // full: the oldest goes, and is counted

 private:
  class Receiver;
  struct Client;
  struct Member {
    Client* client;
    std::string id;
    std::uint64_t generation;  // of the index that this subscription was last sent
  };
  struct Group {
    LiveGroup shared;
    std::vector<Member> members;
    bool told_truncated = false;
  };
  struct WatchedHost {
    LiveFeed feed;
    bool seeded = false;
    std::map<LiveWishes, Group> groups;
    std::size_t users = 0;  // subscriptions, those being made included
  };

  std::optional<Declined> subscribe(Client& client, const Subscribe& wish);
  std::optional<Declined> reserve(Client& client, const Subscribe& wish, HostId host);
  void join(Client& client, const std::string& id, const std::vector<SeriesRecord>* records,
            const std::vector<LatestSample>& newest);
  bool unsubscribe(Client& client, const std::string& id);
  void leave(Client& client);
  void on_message(Client& client, std::string_view text);

  [[nodiscard]] bool is_seeded(HostId host) const;

  // These want the lock held. The host that the first answers is to be unwatched once it is not.
  [[nodiscard]] HostId remove_subscription(Client& client, const std::string& id);
  void grow(Group& group, const LiveFeed& feed);
  void send_index(Member& member, const LiveGroup& group, std::size_t from);

  void run();
  void deliver(const LiveBatch& batch);
  void expire();
  void worked_off(std::uint64_t batches);

  const LiveParts parts_;
  BoundedQueue<LiveBatch> queue_{kQueuedBatches};
  std::atomic<std::uint64_t> dropped_{0};

  std::mutex progress_mutex_;  // for the two below
  std::uint64_t handed_over_ = 0;
  std::uint64_t worked_off_ = 0;
  std::condition_variable progress_;

  // Apart from mutex_, so that the ingest never waits for frames being built.
  Guarded<std::set<HostId>> watched_;

  mutable std::mutex mutex_;  // for all below
  std::map<HostId, WatchedHost> hosts_;
  std::set<Client*> clients_;
  std::uint64_t generations_ = 0;
  std::chrono::nanoseconds expired_at_{};

  std::thread thread_;
};

}  // namespace volta
