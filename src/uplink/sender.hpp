// The agent's half of exactly-once delivery: one state machine, driven by step(), without a thread
// of its own.
//
//   closed --open()--> open --LinkClosed, silence, new run--> closed (full-jitter back-off between)
//
// While open, batches go out in order, at most kMostOpen of them without an answer. `Acknowledged`
// takes them out of the outbox. When the server puts batches off (RetryAfter), the sender waits
// until all its open pushes are answered and the pause is over, and begins again with the oldest
// batch not acknowledged. After a reconnect it goes on behind the server's durable sequence. A
// batch that was sent once in a run is sent again byte for byte, with one exception: when the
// server does not know its keyframe (and so cannot have stored it), it is encoded anew as a
// keyframe.
//
// A new run (another agent uses ours, or the server knows of more than we have made) keeps the
// batches and gives them new sequence numbers: number = base + sequence. Those that counted from a
// keyframe of the old run stand alone from then on.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "model/link.hpp"
#include "uplink/backoff.hpp"
#include "uplink/batcher.hpp"
#include "uplink/outbox.hpp"

namespace volta {

// Who the agent says it is.
struct AgentIdentity {
  HostToken token{};
  std::string host_name;
  std::string agent_version;
  std::function<std::string()> facts_json;  // at each hello, on the sender's thread
};

// What tests replace.
struct Chance {
  std::function<double()> uniform;  // in [0, 1)
  std::function<RunId()> new_run;
};
Chance kernel_chance();

// One thread, but for the counters.
class Sender {
 public:
  static constexpr std::size_t kMostOpen = 8;
  // No answer for this long while pushes are open: the link is dead, though nobody said so.
  static constexpr std::chrono::seconds kSilence{60};
  // A link that lived at least this long has earned a fresh back-off.
  static constexpr std::chrono::seconds kSettled{10};

  // All references must live longer.
  Sender(AgentLink& link, Outbox& outbox, BatchWishes& wishes, const Clock& clock,
         AgentIdentity identity, Chance chance = kernel_chance());

  // One turn: tries to connect, or sends what may be sent and hears one event. Waits inside the
  // link, at most `patience`. Returns how long to stay away before the next turn (0 while
  // connected).
  std::chrono::milliseconds step(std::chrono::milliseconds patience);
  void close();

  [[nodiscard]] bool connected() const { return connected_; }
  // From any thread.
  [[nodiscard]] std::uint64_t refused_batches() const { return refused_.load(); }

 private:
  using Time = std::chrono::nanoseconds;  // CLOCK_BOOTTIME

  void connect();
  void refused(const Refusal& refusal);
  void welcomed(const Welcome& welcome, std::uint64_t last_seq);
  void lose(const std::string& why, std::chrono::milliseconds hint = {});
  void begin_new_run(const std::string& why);

  void send();
  void push(BatchPtr batch);
  BatchPtr stand_alone(const EncodedBatch& batch);
  [[nodiscard]] std::chrono::milliseconds patience_within(std::chrono::milliseconds most) const;

  void hear(const LinkEvent& event);
  void on_acknowledged(std::uint64_t seq);
  void on_retry_after(std::chrono::milliseconds pause);
  void on_refused(const BatchRefused& refusal);
  void take_delivered(std::uint64_t number);
  void report_drops();

  AgentLink& link_;
  Outbox& outbox_;
  BatchWishes& wishes_;
  const Clock& clock_;
  const AgentIdentity identity_;
  const Chance chance_;

  RunId run_;
  std::uint64_t base_ = 0;       // outbox number of this run's sequence 0
  std::uint64_t delivered_ = 0;  // outbox number up to which the server has it all
  std::uint64_t cursor_ = 0;     // outbox number of the last push
  // Outbox number of the keyframe in force at the server: when all open pushes succeed, and as
  // acknowledged. 0: none known.
  std::uint64_t key_sent_ = 0;
  std::uint64_t key_delivered_ = 0;
  std::deque<std::uint64_t> open_;  // numbers of unanswered pushes, rising; at most kMostOpen
  bool begin_again_ = false;        // once open_ is empty: back to delivered_
  std::size_t named_ = 0;           // slots named on this link

  bool connected_ = false;
  Time connected_at_{};
  Time heard_at_{};
  Time pause_until_{};
  Time retry_at_{};
  Backoff backoff_;
  std::optional<Time> new_run_at_;
  std::string complaint_;  // what was last logged of a failed connection
  std::uint64_t drops_reported_ = 0;
  std::optional<Time> drops_reported_at_;
  std::optional<Time> refusal_logged_at_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace volta
