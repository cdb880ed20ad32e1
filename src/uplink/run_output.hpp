// One run's batches on their way to the server: which goes next, which are unanswered, what is
// durable. It speaks to no link; the sender carries what it says.
//
// Batches stand in the outbox under numbers of the process: number = base + sequence of the run. A
// batch that was sent once in a run is sent again byte for byte, with one exception: when the
// server does not know its keyframe (and so cannot have stored it), it is encoded anew as a
// keyframe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "model/link.hpp"
#include "uplink/outbox.hpp"

namespace volta {

// The sender's thread. A value that moves: the sender keeps a queue of them.
class RunOutput {
 public:
  using Time = std::chrono::nanoseconds;  // CLOCK_BOOTTIME

  // The run takes all batches with a number above `base`. `outbox` must live longer.
  RunOutput(const RunId& run, Outbox& outbox, std::uint64_t base)
      : outbox_(&outbox), run_(run), base_(base) {
    start_over();
  }

  // What an earlier agent has left of a run.
  static RunOutput restored(const SpoolRun& run, Outbox& outbox);

  // A run for what happens now, while this one ends before it. It begins with the newest batch if
  // that was never sent, so that something of now goes out at once. Changes nothing yet.
  [[nodiscard]] RunOutput successor(const RunId& run) const;
  // The batches from `next` on are not this run's.
  void end_before(const RunOutput& next) { end_ = next.base_; }
  // Another run id, because the server will not have this one: what is left gets new sequence
  // numbers, and stands alone where it counted from an old keyframe.
  void renumber(const RunId& run);

  [[nodiscard]] const RunId& run() const { return run_; }
  [[nodiscard]] SpoolRun numbers() const { return {run_, base_, end_}; }
  // Newest batch of the run made so far.
  [[nodiscard]] std::uint64_t last_seq() const;
  // Batches that are not known to be durable.
  [[nodiscard]] std::size_t pending() const { return outbox_->count(base_, end_); }
  [[nodiscard]] std::size_t unanswered() const { return open_.size(); }
  [[nodiscard]] Time pause_until() const { return pause_until_; }

  // The link is gone: nothing will be answered any more.
  void link_ended();
  // A link is open on which the server has this much of the run. False: that is more than
  // `last_seq`, what there was at the hello; but of what an earlier agent has left it may be, for a
  // power cut takes the newest from the spool, and then the server has all that is left.
  [[nodiscard]] bool begin(std::uint64_t durable_seq, std::uint64_t last_seq);
  // The next batch as it goes out, from now on unanswered; empty if there is none now.
  std::optional<EncodedBatch> next(Time now);
  // True: something new is durable.
  bool acknowledged(std::uint64_t seq);
  // This push was put off: when all others are answered, it goes on with the oldest batch that is
  // not durable.
  void put_off(std::uint64_t seq);
  void pause(Time until) { pause_until_ = std::max(pause_until_, until); }

  enum class Refused : std::uint8_t { dropped, sent_again };
  // sent_again: in another form. The next batch to be made should be a keyframe.
  Refused refused(std::uint64_t seq, BatchFault fault);
  // How many could not be read any more, and were dropped, since the last call.
  std::uint64_t take_unreadable() { return std::exchange(unreadable_, 0); }

 private:
  void start_over();
  BatchPtr stand_alone(const EncodedBatch& batch);
  void take_delivered(std::uint64_t number);
  [[nodiscard]] std::uint64_t number_of(std::uint64_t seq) const;

  Outbox* outbox_;
  RunId run_;
  std::uint64_t base_;                   // number of sequence 0
  std::uint64_t end_ = Outbox::kNoLast;  // the last number that is ours
  bool restored_ = false;
  std::uint64_t delivered_ = 0;  // number up to which the server has it all
  std::uint64_t cursor_ = 0;     // number of the last push on this link
  std::uint64_t sent_ = 0;       // highest number that was ever pushed
  // Number of the keyframe in force at the server: when all open pushes succeed, and as
  // acknowledged. 0: none known.
  std::uint64_t key_sent_ = 0;
  std::uint64_t key_delivered_ = 0;
  std::deque<std::uint64_t> open_;  // numbers of unanswered pushes, rising
  bool begin_again_ = false;        // once open_ is empty: back to delivered_
  Time pause_until_{};
  std::uint64_t unreadable_ = 0;
};

}  // namespace volta
