// One shard of a remote write sender: the rows that wait, and the one request that is on its way.
// Pure: it is told the time, and does neither network nor disk. A series is always of the same
// shard, so its samples arrive in the order in which they were committed.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "prom/sender_policy.hpp"
#include "prom/sender_state.hpp"

namespace volta {

// A request, ready to be sent as often as it takes.
struct SenderRequest {
  std::string body;  // compressed
  WriteVersion version = WriteVersion::v2;
  std::size_t samples = 0;
  std::size_t rows = 0;        // of the queue's front
  std::int64_t oldest_ms = 0;  // of its samples
};

// One thread at a time.
class SenderShard {
 public:
  using Time = std::chrono::nanoseconds;  // of the monotonic clock

  struct Limits {
    std::size_t most_samples = 2'000;           // of a request
    std::size_t most_bytes = 4U << 20U;         // of its body
    std::chrono::milliseconds deadline{5'000};  // no sample waits longer for others
  };

  SenderShard(ShardCursor cursor, Limits limits) : cursor_(cursor), limits_(limits) {}

  // The next row of this shard; one that is through already is passed over.
  void offer(ForwardRow row, Time now);
  // All rows of this shard up to here were offered. With nothing to send the cursor goes there.
  void reached(ForwardPosition position);
  // Holds enough; the reader waits. Never before what is to be replayed is here as a whole, which
  // may be more than a request holds today.
  [[nodiscard]] bool full() const {
    return queued_ >= 4 * limits_.most_samples && (!replaying() || replay_complete_);
  }

  // When a request may be made: now or earlier, once enough waits or the deadline is over. Empty:
  // nothing waits, or what was on its way before a restart is not all here yet.
  [[nodiscard]] std::optional<Time> due() const;
  // Makes the request of what waits. Requires due() and no request on its way.
  void compose(WriteVersion version);
  // The same rows in 1.0.
  void recompose(WriteVersion version);
  // The request is through, or given up: its rows go, the cursor moves.
  void finish();

  // What the request holds, each series once. Requires one.
  [[nodiscard]] std::vector<LabeledSamples> requested() const;

  // What is on its way; null: nothing.
  [[nodiscard]] const SenderRequest* request() const { return request_ ? &*request_ : nullptr; }
  [[nodiscard]] const ShardCursor& cursor() const { return cursor_; }
  [[nodiscard]] std::size_t pending_samples() const { return queued_; }
  // Of the samples that wait or are on their way; empty: there are none.
  [[nodiscard]] std::optional<std::int64_t> oldest_ms() const;

  // When the request may be tried (again).
  [[nodiscard]] Time retry_at() const { return retry_at_; }
  // It failed. `random`: see SendBackoff; `at_least`: what the receiver asked for.
  void put_off(Time now, double random, std::chrono::milliseconds at_least) {
    retry_at_ = now + std::max(backoff_.next(random), at_least);
  }

 private:
  struct Waiting {
    ForwardRow row;
    Time since;
  };
  [[nodiscard]] std::size_t rows_for_one() const;
  [[nodiscard]] bool replaying() const { return cursor_.done < cursor_.until; }

  Time retry_at_{};
  SendBackoff backoff_;
  ShardCursor cursor_;
  Limits limits_;
  std::deque<Waiting> queue_;  // those of the request too, until it is through
  std::size_t queued_ = 0;     // samples
  bool replay_complete_ = false;
  std::optional<SenderRequest> request_;
};

// All of it as one request's body, compressed.
std::string write_body(WriteVersion version, std::span<const LabeledSamples> series);

// Which of `shards` a series belongs to; the same in every run.
std::size_t shard_of(const Labels& labels, std::size_t shards);

}  // namespace volta
