// The agent's half of exactly-once delivery: one state machine, driven by step(), without a thread
// of its own.
//
//   closed --open()--> open --LinkClosed, silence, new run--> closed (full-jitter back-off between)
//
// While open, batches go out in order, at most kMostOpen of them without an answer. `Acknowledged`
// takes them out of the outbox. When the server puts batches off (RetryAfter), the sender waits
// until all its open pushes are answered and the pause is over, and begins again with the oldest
// batch not acknowledged. After a reconnect it goes on behind the server's durable sequence.
//
// An outage that left more than kMostBehind batches begins a new run for what happens now. The old
// one is drained beside it on the same link, throttled: one batch at a time, kDrainGap apart. A
// link that breaks meanwhile may leave several old runs; the oldest is drained first.
//
// A new run for another reason (another agent uses ours, or the server knows of more than we have
// made) keeps the batches and gives them new sequence numbers.
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
#include "uplink/run_output.hpp"

namespace volta {

// Who the agent says it is.
struct AgentIdentity {
  std::function<HostToken()> token;  // at each hello, on the sender's thread
  std::string host_name;
  std::string agent_version;
  std::function<std::string()> facts_json;  // like token
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
  static constexpr std::size_t kMostBehind = 2;
  static constexpr std::chrono::milliseconds kDrainGap{50};

  // All references must live longer.
  Sender(AgentLink& link, Outbox& outbox, BatchWishes& wishes, const Clock& clock,
         AgentIdentity identity, Chance chance = kernel_chance());

  // Before the first step(): what an earlier agent has left, oldest first, and whose readings these
  // are ("" if no server has said so). What is of no run gets one.
  void restore(const std::vector<SpoolRun>& runs, const std::string& host_id);

  // One turn: tries to connect, or sends what may be sent and hears one event. Waits inside the
  // link, at most `patience`. Returns how long to stay away before the next turn (0 while
  // connected).
  std::chrono::milliseconds step(std::chrono::milliseconds patience);
  void close();
  // The agent is about to end: old runs are drained without gaps from now on.
  void hurry() { drain_gap_ = {}; }

  [[nodiscard]] bool connected() const { return connected_; }
  // From any thread.
  [[nodiscard]] std::uint64_t refused_batches() const { return refused_.load(); }

 private:
  using Time = RunOutput::Time;
  // The oldest run's session on this link.
  enum class Drain : std::uint8_t { closed, asked, open };

  void connect();
  void refused(const Refusal& refusal);
  void welcomed(const Welcome& welcome, std::uint64_t last_seq);
  void lose(const std::string& why);
  void begin_new_run(const std::string& why);
  [[nodiscard]] bool is_of_this_host(const Welcome& welcome);
  void restore_run(const SpoolRun& run);
  void name_and_restore(SpoolRun run);

  void send();
  void drain();
  std::optional<EncodedBatch> next_of(RunOutput& run);
  [[nodiscard]] bool waiting() const;
  [[nodiscard]] std::chrono::milliseconds patience_within(std::chrono::milliseconds most) const;

  void hear(const LinkEvent& event);
  // The run that an answer is for; null if that is not on the link, which only a mad server does.
  RunOutput* run_of(Lane lane);
  void on_acknowledged(const Acknowledged& ack);
  void on_backlog_opened(std::uint64_t durable_seq);
  void on_retry_after(const RetryAfter& retry);
  void on_new_run_wanted(const NewRunWanted& wanted);
  void on_refused(const BatchRefused& refusal);
  void renumber_backlog(const std::string& why);
  [[nodiscard]] std::chrono::milliseconds new_run_pause();
  void report_drops();

  AgentLink& link_;
  Outbox& outbox_;
  BatchWishes& wishes_;
  const Clock& clock_;
  const AgentIdentity identity_;
  const Chance chance_;

  RunOutput now_;                // what happens now
  std::deque<RunOutput> old_;    // oldest first; each had something left when its link broke
  Drain drain_ = Drain::closed;  // of old_.front()
  Time drain_at_{};              // not before
  Time drain_gap_ = kDrainGap;
  std::size_t named_ = 0;  // slots named on this link

  std::string host_id_;         // whose readings these are, once a server has said so
  bool host_restored_ = false;  // it said so to an earlier agent, and not yet to this one
  bool connected_ = false;
  bool useful_ = false;  // something was acknowledged on this link
  Time heard_at_{};
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
