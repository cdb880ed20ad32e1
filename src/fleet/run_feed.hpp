// The sequence rules of one run of one agent, on the way from its link into the journal.
//
// A run's batches become durable in rising sequence, each once. What makes that hold:
//   1. Only one batch of a run is in the journal's queue at a time; up to kMostWaiting others wait
//      here. So when a commit fails, nothing behind it can have been committed, and the agent may
//      send it again. (Other hosts' batches share the group commit, so this costs a quiet server
//      nothing.)
//   2. When a batch must be sent again (commit failed, queue full, too fast, keyframe not known),
//      all behind it on the link are put off too (`hold`), until the agent begins again: until a
//      push whose sequence does not exceed the one before it.
//   3. A push of what is durable is answered, not stored; of what is under way, it joins the wait.
//      If the payload differs from what was stored under that sequence, two agents share the run.
//   4. A feed outlives its link while a batch is in the journal's queue, so that a reconnecting
//      agent, which sends that batch again, cannot have it stored twice.
//   5. The keyframe in force is that of the last accepted batch; a failed commit takes it back to
//      that of the last durable one.
// Gaps are taken as they are: the agent had to drop something, and never sends it.
//
// Safe from any thread. Neither the journal nor `done` is ever called with the lock held.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "model/link.hpp"
#include "model/store.hpp"

namespace volta {

// What one session is within the feed of its run; a newer session of the run takes over.
using FeedOwner = std::uint64_t;

class RunFeed : public std::enable_shared_from_this<RunFeed> {
 public:
  static constexpr std::size_t kMostWaiting = 16;
  static constexpr std::chrono::milliseconds kStorePause{5000};

  enum class Answer : std::uint8_t {
    fresh,      // to be decoded, then accept()ed
    duplicate,  // durable already
    joined,     // under way: answered with the first copy
    conflict,   // another payload under the same sequence
    put_off,    // an earlier batch must come first, or nobody may send here any more
  };
  struct Check {
    Answer answer = Answer::put_off;
    std::uint64_t durable_seq = 0;
    std::chrono::milliseconds retry_after{};
    std::uint64_t missing = 0;  // fresh: how many were skipped before it
    bool first_heard = false;   // fresh: never shown to the listeners before
    std::uint64_t key_seq = 0;  // fresh: keyframe in force, and its values
    std::shared_ptr<const KeyValues> key;
  };
  enum class Outcome : std::uint8_t { committed, put_off };
  // The values of a batch.
  struct Points {
    std::uint32_t kept = 0;
    std::uint32_t left_out = 0;  // of series beyond the limits: nobody reads them again
  };
  // Told once of each accepted batch, on the journal's thread or within accept() or take_over().
  using Listener = std::function<void(Outcome, Points)>;

  RunFeed(Journal& journal, HostId host, const RunId& run, Listener listener);

  // A new session speaks for the run. What the one before has waiting is put off.
  FeedOwner take_over();
  void release(FeedOwner owner);
  [[nodiscard]] std::uint64_t durable_seq() const;

  // What is to become of this push. `done` is taken (moved from) only if the answer is `joined`.
  Check check(FeedOwner owner, const EncodedBatch& batch, PushDone& done);
  // Puts off everything until the agent begins again. `seq`: of the batch that must come again.
  void hold(FeedOwner owner, std::uint64_t seq, std::chrono::milliseconds pause);
  // Takes a batch for which check() said `fresh`. Sets the host, run and `done` of `entry`. `key`:
  // the keyframe's values if the batch is one. `left_out`: see Points.
  void accept(FeedOwner owner, JournalEntry entry, std::uint32_t left_out,
              std::shared_ptr<const KeyValues> key, PushDone done);

 private:
  struct Keyframe {
    std::uint64_t seq = 0;
    std::shared_ptr<const KeyValues> values;
  };
  // An accepted batch and those who want to know of it.
  struct Pending {
    std::uint64_t seq = 0;
    Sha256 hash{};
    Points points;
    Keyframe keyframe;  // in force after it
    std::vector<PushDone> done;
  };
  struct Waiting {
    JournalEntry entry;
    Pending pending;
  };

  void load();
  void pump();
  void finish(CommitState state);
  void put_off(const std::vector<Pending>& pendings, std::chrono::milliseconds pause);
  void forget_uncommitted(std::vector<Pending>& into);
  Check check_known(const EncodedBatch& batch, PushDone& done);

  Journal& journal_;
  const HostId host_;
  const RunId run_;
  const Listener listener_;

  mutable std::mutex mutex_;  // guards all below
  FeedOwner owner_ = 0;
  FeedOwner last_owner_ = 0;
  bool stale_ = true;  // durable_* is to be read from the journal before it is believed
  std::uint64_t durable_seq_ = 0;
  Sha256 durable_hash_{};
  Keyframe durable_key_;
  std::uint64_t accepted_seq_ = 0;  // newest accepted; durable_seq_ if nothing is under way
  Keyframe accepted_key_;
  std::uint64_t heard_seq_ = 0;
  std::uint64_t last_pushed_ = 0;  // by the session in charge
  std::optional<std::chrono::milliseconds> hold_;
  std::optional<Pending> in_journal_;
  std::deque<Waiting> waiting_;  // at most kMostWaiting; more are put off
};

}  // namespace volta
