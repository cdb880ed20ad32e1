#include "fleet/run_feed.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace volta {
namespace {

// A session that was replaced, or a run that waits for an answer of its own: ask again soon.
constexpr std::chrono::milliseconds kSoon{200};

PushOutcome durable_outcome(std::uint64_t seq) {
  PushOutcome outcome;
  outcome.durable_seq = seq;
  return outcome;
}

}  // namespace

RunFeed::RunFeed(Journal& journal, HostId host, const RunId& run, Listener listener)
    : journal_(journal), host_(host), run_(run), listener_(std::move(listener)) {}

// Reads what the journal has of this run, at first and after a commit that failed: what it said may
// not be what is on the disk.
void RunFeed::load() {
  {
    const std::lock_guard lock(mutex_);
    if (!stale_) return;
  }
  RunState stored = journal_.run_state(host_, run_);
  const std::lock_guard lock(mutex_);
  if (!stale_ || in_journal_) return;
  durable_seq_ = stored.durable_seq;
  durable_hash_ = stored.last_hash;
  durable_key_ = {stored.key_seq, std::make_shared<const KeyValues>(std::move(stored.key))};
  accepted_seq_ = durable_seq_;
  accepted_key_ = durable_key_;
  stale_ = false;
}

FeedOwner RunFeed::take_over() {
  load();
  std::vector<Pending> off;
  FeedOwner owner = 0;
  {
    const std::lock_guard lock(mutex_);
    owner = owner_ = ++last_owner_;
    forget_uncommitted(off);
    last_pushed_ = 0;
    hold_.reset();
  }
  put_off(off, kSoon);
  return owner;
}

void RunFeed::release(FeedOwner owner) {
  std::vector<Pending> off;
  {
    const std::lock_guard lock(mutex_);
    if (owner_ != owner) return;
    owner_ = 0;
    forget_uncommitted(off);
  }
  put_off(off, kSoon);
}

std::uint64_t RunFeed::durable_seq() const {
  const std::lock_guard lock(mutex_);
  return durable_seq_;
}

// Requires the lock. Goes back to what is in the journal or in its queue.
void RunFeed::forget_uncommitted(std::vector<Pending>& into) {
  for (Waiting& waiting : waiting_) into.push_back(std::move(waiting.pending));
  waiting_.clear();
  accepted_seq_ = in_journal_ ? in_journal_->seq : durable_seq_;
  accepted_key_ = in_journal_ ? in_journal_->keyframe : durable_key_;
}

void RunFeed::put_off(const std::vector<Pending>& pendings, std::chrono::milliseconds pause) {
  PushOutcome outcome = durable_outcome(durable_seq());
  outcome.retry_after = pause;
  for (const Pending& pending : pendings) {
    listener_(Outcome::put_off, pending.points);
    for (const PushDone& done : pending.done) done(outcome);
  }
}

RunFeed::Check RunFeed::check(FeedOwner owner, const EncodedBatch& batch, PushDone& done) {
  load();
  const std::lock_guard lock(mutex_);
  Check check;
  check.durable_seq = durable_seq_;
  check.retry_after = kSoon;
  if (owner != owner_ || stale_) return check;
  const bool begins_again = batch.seq <= last_pushed_;
  last_pushed_ = batch.seq;
  if (hold_ && !begins_again) {
    check.retry_after = *hold_;
    return check;
  }
  hold_.reset();
  if (batch.seq <= accepted_seq_) return check_known(batch, done);
  check.answer = Answer::fresh;
  check.missing = batch.seq - accepted_seq_ - 1;
  check.first_heard = batch.seq > heard_seq_;
  check.key_seq = accepted_key_.seq;
  check.key = accepted_key_.values;
  return check;
}

// Requires the lock, and batch.seq <= accepted_seq_.
RunFeed::Check RunFeed::check_known(const EncodedBatch& batch, PushDone& done) {
  Check check;
  check.durable_seq = durable_seq_;
  check.answer = Answer::duplicate;
  if (batch.seq < durable_seq_) return check;
  const Sha256 hash = sha256(batch.payload);
  if (batch.seq == durable_seq_) {
    if (hash != durable_hash_) check.answer = Answer::conflict;
    return check;
  }
  Pending* found = in_journal_ && in_journal_->seq == batch.seq ? &*in_journal_ : nullptr;
  for (Waiting& waiting : waiting_) {
    if (waiting.pending.seq == batch.seq) found = &waiting.pending;
  }
  if (found == nullptr || found->hash != hash) {
    // If not found: one that the agent had skipped comes after all, too late to keep the order. A
    // dropped batch must stay dropped, so this is another agent.
    check.answer = Answer::conflict;
  } else if (found->done.size() >= kMostWaiting) {
    check.answer = Answer::put_off;
    check.retry_after = kSoon;
  } else {
    check.answer = Answer::joined;
    found->done.push_back(std::move(done));
  }
  return check;
}

void RunFeed::hold(FeedOwner owner, std::uint64_t seq, std::chrono::milliseconds pause) {
  const std::lock_guard lock(mutex_);
  if (owner != owner_) return;
  hold_ = pause;
  last_pushed_ = seq;
}

void RunFeed::accept(FeedOwner owner, JournalEntry entry, std::uint32_t left_out,
                     std::shared_ptr<const KeyValues> key, PushDone done) {
  entry.host = host_;
  entry.run = run_;
  Pending pending;
  pending.seq = entry.batch.seq;
  pending.points = {entry.batch.points - left_out, left_out};
  pending.hash = sha256(entry.batch.payload);
  pending.done.push_back(std::move(done));
  std::vector<Pending> off;
  {
    const std::lock_guard lock(mutex_);
    heard_seq_ = std::max(heard_seq_, pending.seq);
    if (owner == owner_ && !hold_ && !stale_ && waiting_.size() < kMostWaiting) {
      pending.keyframe = accepted_key_;
      if (key) pending.keyframe = {pending.seq, std::move(key)};
      accepted_seq_ = pending.seq;
      accepted_key_ = pending.keyframe;
      waiting_.push_back({std::move(entry), std::move(pending)});
    } else {
      if (owner == owner_ && !hold_) hold_ = kSoon;
      off.push_back(std::move(pending));
    }
  }
  put_off(off, kSoon);
  pump();
}

// Hands the next waiting batch to the journal, if none is with it.
void RunFeed::pump() {
  JournalEntry entry;
  {
    const std::lock_guard lock(mutex_);
    if (in_journal_ || waiting_.empty()) return;
    entry = std::move(waiting_.front().entry);
    in_journal_ = std::move(waiting_.front().pending);
    waiting_.pop_front();
  }
  entry.done = [self = shared_from_this()](CommitState state) { self->finish(state); };
  if (!journal_.append(std::move(entry))) finish(CommitState::failed);
}

// What the journal says of the batch that it had. On its thread.
void RunFeed::finish(CommitState state) {
  std::vector<Pending> over;  // that batch, and if it failed all behind it
  {
    const std::lock_guard lock(mutex_);
    VOLTA_ASSERT(in_journal_.has_value());
    over.push_back(std::move(*in_journal_));
    in_journal_.reset();
    if (state == CommitState::committed) {
      durable_seq_ = over[0].seq;
      durable_hash_ = over[0].hash;
      durable_key_ = over[0].keyframe;
    } else {
      stale_ = true;
      hold_ = kStorePause;
      forget_uncommitted(over);
    }
  }
  if (state != CommitState::committed) {
    put_off(over, kStorePause);
    return;
  }
  listener_(Outcome::committed, over[0].points);
  for (const PushDone& done : over[0].done) done(durable_outcome(over[0].seq));
  pump();
}

}  // namespace volta
