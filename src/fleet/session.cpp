#include "fleet/session.hpp"

#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "fleet/run_feed.hpp"

namespace volta {
namespace {

constexpr std::chrono::milliseconds kKeyframePause{50};

}  // namespace

HostSession::HostSession(std::shared_ptr<ConnectedAgent> agent, const RunId& run, bool older)
    : agent_(std::move(agent)),
      parts_(agent_->parts()),
      run_(run),
      older_(older),
      feed_(parts_.feeds(agent_->host().id, run)),
      owner_(feed_->take_over()) {}

HostSession::~HostSession() { feed_->release(owner_); }

Result<void> HostSession::define(std::vector<SeriesDef> series) {
  return agent_->define(std::move(series));
}

std::variant<OpenedSession, Refusal> HostSession::open_run(const RunId& run) {
  if (run == RunId{} || run == run_) {
    return Refusal{RefusalReason::bad_hello, "the run id is empty or this run's own", {}};
  }
  try {
    auto session = std::make_unique<HostSession>(agent_, run, true);
    OpenedSession opened;
    opened.welcome = {agent_->host().uid, session->durable_seq(), parts_.clock.wall_ms()};
    opened.session = std::move(session);
    log::info("an old run is delivered beside the new one", {{"host", agent_->host().name}});
    return opened;
  } catch (const Failure& failure) {
    log::error("a run could not be opened",
               {{"host", agent_->host().name}, {"error", failure.what()}});
    return Refusal{RefusalReason::too_busy, "the server's store does not answer",
                   RunFeed::kStorePause};
  }
}

void HostSession::push(EncodedBatch batch, PushDone done) {
  const std::uint64_t seq = batch.seq;
  try {
    take(std::move(batch), done);
  } catch (const Failure& failure) {
    if (agent_->may_log()) {
      log::error("a batch could not be taken",
                 {{"host", agent_->host().name}, {"error", failure.what()}});
    }
    // Not when it has been handed on: whoever has it then answers.
    if (done) put_off(seq, RunFeed::kStorePause, done);
  }
}

void HostSession::take(EncodedBatch batch, PushDone& done) {
  const auto wait = agent_->admit();
  if (wait.count() > 0) return put_off(batch.seq, wait, done);
  if (batch.seq == 0 || batch.key_seq == 0 || batch.key_seq > batch.seq) {
    return refuse(batch, BatchFault::malformed, "the batch's sequence is impossible", done);
  }
  const RunFeed::Check check = feed_->check(owner_, batch, done);
  PushOutcome outcome;
  outcome.durable_seq = check.durable_seq;
  switch (check.answer) {
    case RunFeed::Answer::fresh:
      return store(std::move(batch), check, done);
    case RunFeed::Answer::joined:
      return;
    case RunFeed::Answer::duplicate:
      ++parts_.counters.duplicate;
      break;
    case RunFeed::Answer::conflict:
      ++parts_.counters.conflict;
      log::warning("possible clone: two agents use one run; this one is told to begin a new one",
                   {{"host", agent_->host().name}, {"peer", agent_->peer()}, {"seq", batch.seq}});
      outcome.new_run = true;
      outcome.text = "another batch was stored under this sequence number";
      break;
    case RunFeed::Answer::put_off:
      ++parts_.counters.put_off;
      outcome.retry_after = check.retry_after;
      break;
  }
  done(std::move(outcome));
}

void HostSession::store(EncodedBatch batch, const RunFeed::Check& check, PushDone& done) {
  BatchFault fault{};
  const std::string too_much = agent_->excess(batch, fault);
  if (!too_much.empty()) return refuse(batch, fault, too_much, done);
  const bool keyframe = batch.key_seq == batch.seq;
  if (!keyframe && batch.key_seq != check.key_seq) {
    // It comes again in another form, and must not be overtaken by those behind it.
    feed_->hold(owner_, batch.seq, kKeyframePause);
    return refuse(batch, BatchFault::unknown_keyframe, "the batch's keyframe is not known", done);
  }
  static const KeyValues no_key;
  Result<DecodedBatch> decoded = decode_batch(batch, keyframe ? no_key : *check.key);
  if (!decoded) return refuse(batch, BatchFault::malformed, decoded.error().text, done);

  agent_->heard(batch, older_);
  // Another server of the group has what was sent before this link.
  if (check.missing > 0 && (begun_ || !parts_.of_group)) {
    parts_.counters.missing += check.missing;
    if (agent_->may_log()) {
      log::warning(
          "batches are missing: the agent had to drop them",
          {{"host", agent_->host().name}, {"before_seq", batch.seq}, {"missing", check.missing}});
    }
  }
  begun_ = true;
  JournalEntry entry;
  entry.decoded = std::make_shared<const DecodedBatch>(*std::move(decoded));
  entry.series = agent_->series();
  if (check.first_heard) {
    agent_->look_at_time(batch);
    const auto records = std::span(agent_->records()).first(batch.slots);
    for (BatchListener* listener : parts_.listeners) {
      listener->on_batch(agent_->host().id, *entry.decoded, records);
    }
  }
  auto key = keyframe ? std::make_shared<const KeyValues>(key_values(*entry.decoded)) : nullptr;
  const std::uint32_t left_out = agent_->left_out_of(*entry.decoded);
  entry.batch = std::move(batch);
  feed_->accept(owner_, std::move(entry), left_out, std::move(key), std::exchange(done, nullptr));
}

void HostSession::refuse(const EncodedBatch& batch, BatchFault fault, const std::string& text,
                         const PushDone& done) {
  ++parts_.counters.refused;
  if (agent_->may_log()) {
    log::warning("batch refused",
                 {{"host", agent_->host().name}, {"seq", batch.seq}, {"reason", text}});
  }
  PushOutcome outcome;
  outcome.durable_seq = feed_->durable_seq();
  outcome.refused = fault;
  outcome.text = text;
  done(std::move(outcome));
}

void HostSession::put_off(std::uint64_t seq, std::chrono::milliseconds pause,
                          const PushDone& done) {
  ++parts_.counters.put_off;
  feed_->hold(owner_, seq, pause);
  PushOutcome outcome;
  outcome.durable_seq = feed_->durable_seq();
  outcome.retry_after = pause;
  done(std::move(outcome));
}

}  // namespace volta
