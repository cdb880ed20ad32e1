// The agent's side of the wire: ticks in, durable batches at the server out.
//
// on_tick() belongs to the collectors' thread; a thread of its own owns the link and sleeps until a
// batch is finished or the server speaks. What the server has not confirmed lies in the spool, if
// there is one, and its newest part in memory, at most as OutboxLimits says.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "model/link.hpp"
#include "model/tick.hpp"
#include "uplink/batcher.hpp"
#include "uplink/outbox.hpp"
#include "uplink/sender.hpp"
#include "uplink/slot_map.hpp"
#include "uplink/spooler.hpp"

namespace volta {

struct UplinkOptions {
  AgentIdentity identity;
  std::chrono::milliseconds flush{10'000};
  OutboxLimits buffer;
  std::filesystem::path spool_folder;         // made if it is missing
  std::uint64_t spool_bytes = 0;              // how large it may become; 0: there is none
  std::chrono::milliseconds farewell{2'000};  // stop() waits this long for acknowledgements
};

// For volta_agent_buffered_batches, volta_agent_dropped_batches_total, volta_self_sent_bytes_total.
struct UplinkCounters {
  std::uint64_t buffered_batches = 0;
  std::uint64_t dropped_batches = 0;  // by a full buffer, and refused by the server
  std::uint64_t sent_bytes = 0;
};

class Uplink final : public TickSink {
 public:
  // `clock` must live longer.
  Uplink(std::unique_ptr<AgentLink> link, const Clock& clock, UplinkOptions options);
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;
  ~Uplink() override { stop(); }

  // Once.
  void start();
  // After the last on_tick(). Sends what is open, waits a little for acknowledgements, closes the
  // link. Takes `farewell` at most, unless the link is just being opened. A second call does
  // nothing.
  void stop();

  void on_tick(const Tick& tick) override;
  // From any thread.
  [[nodiscard]] UplinkCounters counters() const;

 private:
  void run();
  void say_what_stays() const;

  const std::unique_ptr<AgentLink> link_;
  const Clock& clock_;
  const std::chrono::milliseconds farewell_;
  Outbox outbox_;
  const std::unique_ptr<Spooler> spooler_;  // null: none
  SlotMap slots_;                           // collectors' thread
  BatchWishes wishes_;
  Batcher batcher_;  // collectors' thread
  Sender sender_;    // own thread
  std::atomic<std::uint64_t> sent_bytes_{0};

  std::mutex mutex_;  // guards stopping_
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace volta
