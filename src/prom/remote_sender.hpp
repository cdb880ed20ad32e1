// Remote write to one target: reads committed samples from the store's log, and keeps sending until
// the target has taken or refused each. What is through is remembered in the store, after each
// answer; so neither an outage nor a restart loses anything, and what may come twice is the one
// request of each shard that was on its way, byte for byte. What is refused as a whole is sent in
// halves, since a receiver may take nothing of a request in which one sample is late or repeated.
//
// Each shard has a thread. Whoever finds nothing to send reads on in the log, for all shards, until
// one of them holds enough: memory is bounded, the log itself is the queue.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "model/exposition.hpp"
#include "model/forward_log.hpp"
#include "model/http.hpp"
#include "prom/http_credentials.hpp"
#include "prom/relabel.hpp"
#include "prom/sender_shard.hpp"

namespace volta {

struct WriteTarget {
  std::string name;  // unique; the label `target` of its metrics, its cursor's name in the store
  std::string url;   // http or https, without user and password
  HttpCredentials credentials;
  Relabeler relabel;  // drops series, or changes their labels
  // Try 2.0 first. What the target turned out to understand is remembered, for this URL.
  bool version_2 = true;
  // Go over to 1.0 where 2.0 is not understood. Without it such samples are dropped.
  bool version_1 = true;
  std::size_t shards = 4;
  SenderShard::Limits limits;
  std::chrono::milliseconds timeout{30'000};
};

// An Error names the target and what is wrong.
Result<void> check_write_target(const WriteTarget& target);

class RemoteSender final : public SelfMetrics {
 public:
  // How often the log is looked at while nothing comes.
  static constexpr std::chrono::milliseconds kPoll{200};
  // How often a refused request is halved, two requests each; what is left then is dropped.
  static constexpr std::size_t kMostHalvings = 64;
  // How often a cursor that moved only over others' rows is kept.
  static constexpr std::chrono::seconds kIdleSave{60};

  // The target must pass check_write_target(); one that the store does not know yet begins with
  // what is committed from now on. `random`: uniform in [0, 1), from any thread. References must
  // live longer. Throws Failure where the store cannot be read.
  RemoteSender(WriteTarget target, ForwardLog& log, HttpClient& client, const Clock& clock,
               std::function<double()> random);
  ~RemoteSender() override { stop(); }
  RemoteSender(const RemoteSender&) = delete;
  RemoteSender& operator=(const RemoteSender&) = delete;

  void start();
  // Breaks off what is on its way and joins. Again: nothing.
  void stop();

  // One step of a shard: reads on in the log, and sends one request if one is due. How long until
  // there may be more to do. For its thread, and for tests.
  std::chrono::milliseconds turn(std::size_t shard);

  void append_to(std::vector<MetricFamily>& families) const override;

 private:
  using Time = SenderShard::Time;
  using Lock = std::unique_lock<std::mutex>;
  // What relabelling made of a series.
  struct Routed {
    std::shared_ptr<const Labels> committed;  // holds the key
    std::shared_ptr<const Labels> sent;       // null: dropped
    std::size_t shard = 0;
  };
  struct InParts {
    std::size_t refused = 0;  // samples
    // Why a part is to come later, and with it the whole request; empty: all parts are through.
    std::string later;
    std::chrono::milliseconds at_least{};
  };

  void restore();
  void feed(Time now);
  void notice_losses();
  const Routed& route(const std::shared_ptr<const Labels>& labels);
  void save();
  [[nodiscard]] OutboundRequest outbound(WriteVersion version, std::string body) const;
  void answered(Lock& lock, SenderShard& shard, const OutboundResponse& response);
  // A request that was refused, in parts. Without the lock.
  [[nodiscard]] InParts send_in_parts(std::span<const LabeledSamples> series,
                                      WriteVersion version) const;
  void only_version_1(const std::string& why);
  void again(SenderShard& shard, const std::string& why, std::chrono::milliseconds at_least);
  void complain(const std::string& what, const std::string& why);
  void tell_of_refusal(std::size_t samples, const std::string& said, int status);
  void work(std::size_t shard);

  const WriteTarget target_;
  ForwardLog& log_;
  HttpClient& client_;
  const Clock& clock_;
  const std::function<double()> random_;

  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  // Behind mutex_.
  std::vector<SenderShard> shards_;
  WriteVersion version_ = WriteVersion::v2;
  bool took_2_ = false;
  ForwardPosition read_;    // up to here rows were given to their shards
  ForwardPosition missed_;  // what the store had forgotten up to when that was said last
  std::string saved_;       // what the store has
  Time saved_at_{};
  bool dirty_ = false;  // an answer came since
  std::unordered_map<const Labels*, Routed> routes_;
  std::string complaint_;  // what was logged last; "" since all is well
  Time complained_at_{};
  std::optional<Time> refusal_told_at_;
  std::uint64_t refused_untold_ = 0;  // samples since
  struct Counters {
    std::uint64_t sent = 0, dropped = 0, filtered = 0, failed_requests = 0, lost = 0;
  } counters_;

  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};
};

}  // namespace volta
