#include "fleet/session.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace volta {
namespace {

constexpr std::int64_t kFarAheadMs = 300'000;          // CONTRACTS "Time and conflicts"
constexpr std::int64_t kLastMs = 253'402'300'799'999;  // end of the year 9999
constexpr std::chrono::seconds kSawEvery{60};
constexpr std::chrono::seconds kLogEvery{60};
constexpr std::chrono::milliseconds kClosedPause{1000};
constexpr std::chrono::milliseconds kKeyframePause{50};
constexpr std::chrono::milliseconds kLongestInterval{600'000};

// Without overflow, whatever the agent's clock shows.
std::int64_t offset(std::int64_t agent_ms, std::int64_t server_ms) {
  return std::clamp<std::int64_t>(agent_ms, 0, kLastMs) - server_ms;
}

std::chrono::milliseconds interval(const EncodedBatch& batch) {
  const auto span = std::chrono::milliseconds(std::clamp<std::int64_t>(batch.last_ms, 0, kLastMs) -
                                              std::clamp<std::int64_t>(batch.first_ms, 0, kLastMs));
  return std::clamp(span, std::chrono::milliseconds(0), kLongestInterval);
}

}  // namespace

HostSession::HostSession(const SessionParts& parts, const HostRecord& host, HelloFacts facts,
                         std::string peer, std::shared_ptr<Link> link,
                         std::shared_ptr<RunFeed> feed, std::shared_ptr<HostLimits> limits)
    : parts_(parts),
      host_(host),
      facts_(std::move(facts)),
      peer_(std::move(peer)),
      link_(std::move(link)),
      feed_(std::move(feed)),
      limits_(std::move(limits)),
      owner_(feed_->take_over()),
      series_(std::make_shared<std::vector<SeriesId>>()) {
  saw(offset(facts_.clock_ms, parts_.clock.wall_ms()));
}

HostSession::~HostSession() {
  feed_->release(owner_);
  parts_.links.gone(link_);
  log::info("agent gone", {{"host", host_.name}, {"peer", peer_}});
}

Result<void> HostSession::define(std::vector<SeriesDef> series) {
  if (series.size() > kMostSlots - named_) return Error{"an agent can name 100000 series at most"};
  for (const SeriesDef& def : series) {
    const std::string problem = series_problem(def);
    if (!problem.empty()) return Error{problem};
  }
  auto ids = *series_;
  try {
    for (SeriesDef& def : series) {
      ++named_;
      // Past the limit nothing is kept, so that the slots after it have no meaning either.
      if (records_.size() + 1 < named_ || !limits_->admit(def)) continue;
      const SeriesId id = parts_.journal.resolve(host_.id, def);
      ids.push_back(id);
      records_.push_back(
          std::make_shared<const SeriesRecord>(SeriesRecord{id, host_.id, std::move(def)}));
    }
  } catch (const Failure& failure) {
    log::error("series could not be stored", {{"host", host_.name}, {"error", failure.what()}});
    return Error{"the server's store takes no new series now; try again later"};
  }
  series_ = std::make_shared<const std::vector<SeriesId>>(std::move(ids));
  return {};
}

void HostSession::push(EncodedBatch batch, PushDone done) {
  const std::uint64_t seq = batch.seq;
  try {
    take(std::move(batch), done);
  } catch (const Failure& failure) {
    if (may_log()) {
      log::error("a batch could not be taken", {{"host", host_.name}, {"error", failure.what()}});
    }
    // Not when it has been handed on: whoever has it then answers.
    if (done) put_off(seq, RunFeed::kStorePause, done);
  }
}

void HostSession::take(EncodedBatch batch, PushDone& done) {
  if (!parts_.links.heard(link_, interval(batch))) return put_off(batch.seq, kClosedPause, done);
  const auto wait = limits_->take_batch();
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
                   {{"host", host_.name}, {"peer", peer_}, {"seq", batch.seq}});
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

std::string HostSession::excess(const EncodedBatch& batch, BatchFault& fault) const {
  fault = BatchFault::too_large;
  if (batch.payload.size() > kLargestBatchBytes) return "the batch is larger than 4 MiB";
  if (batch.points > kMostBatchPoints) return "the batch has more than 50000 values";
  fault = BatchFault::malformed;
  if (batch.slots > named_) return "the batch uses series that were never named";
  fault = BatchFault::too_many_series;
  if (batch.slots > records_.size()) {
    return "the host has more series than the server takes of one host; choose fewer metrics";
  }
  return "";
}

void HostSession::store(EncodedBatch batch, const RunFeed::Check& check, PushDone& done) {
  BatchFault fault{};
  const std::string too_much = excess(batch, fault);
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

  if (check.missing > 0) {
    parts_.counters.missing += check.missing;
    if (may_log()) {
      log::warning("batches are missing: the agent had to drop them",
                   {{"host", host_.name}, {"before_seq", batch.seq}, {"missing", check.missing}});
    }
  }
  JournalEntry entry;
  entry.decoded = std::make_shared<const DecodedBatch>(*std::move(decoded));
  entry.series = series_;
  if (check.first_heard) {
    look_at_time(batch);
    const auto records = std::span(records_).first(batch.slots);
    for (BatchListener* listener : parts_.listeners) {
      listener->on_batch(host_.id, *entry.decoded, records);
    }
  }
  auto key = keyframe ? std::make_shared<const KeyValues>(key_values(*entry.decoded)) : nullptr;
  entry.batch = std::move(batch);
  feed_->accept(owner_, std::move(entry), std::move(key), std::exchange(done, nullptr));
}

void HostSession::refuse(const EncodedBatch& batch, BatchFault fault, const std::string& text,
                         const PushDone& done) {
  ++parts_.counters.refused;
  if (may_log()) {
    log::warning("batch refused", {{"host", host_.name}, {"seq", batch.seq}, {"reason", text}});
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

void HostSession::look_at_time(const EncodedBatch& batch) {
  const std::int64_t ahead = offset(batch.last_ms, parts_.clock.wall_ms());
  if (ahead > kFarAheadMs) {
    ++parts_.counters.future;
    if (may_log()) {
      log::warning("the host's clock is more than 5 minutes ahead of this server's",
                   {{"host", host_.name}, {"ahead_ms", ahead}});
    }
    if (offset_ms_ <= kFarAheadMs) saw(ahead);
  }
  if (parts_.clock.boottime() - saw_at_ >= kSawEvery) saw(offset_ms_);
}

void HostSession::saw(std::int64_t offset_ms) {
  offset_ms_ = offset_ms;
  saw_at_ = parts_.clock.boottime();
  try {
    parts_.directory.saw(host_.id, facts_.agent_version, facts_.facts_json, offset_ms,
                         parts_.clock.wall_ms());
  } catch (const Failure& failure) {
    // A full disk must not keep agents out: what they send is still shown live.
    log::warning("could not note when the host was seen",
                 {{"host", host_.name}, {"error", failure.what()}});
  }
}

bool HostSession::may_log() {
  const auto now = parts_.clock.boottime();
  if (logged_at_ && now - *logged_at_ < kLogEvery) return false;
  logged_at_ = now;
  return true;
}

}  // namespace volta
