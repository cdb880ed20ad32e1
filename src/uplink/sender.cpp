#include "uplink/sender.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace volta {
namespace {

using std::chrono::ceil;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kLogEvery{60};
constexpr std::chrono::seconds kNewRunEvery{60};
constexpr milliseconds kLeastPause{10};
constexpr milliseconds kLongestPause{600'000};

// What the person at this machine can do, beside what the server says.
std::string next_step(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::wrong_token:
      return "put the token that the server printed for this host into the token file and restart "
             "the agent";
    case RefusalReason::disabled_host:
      return "enable the host on the server, or stop this agent";
    case RefusalReason::wrong_version:
      return "install the same version of volta here and on the server";
    case RefusalReason::plaintext:
      return "connect with TLS, or allow plaintext on both ends";
    case RefusalReason::bad_hello:
      return "install the same version of volta here and on the server; if it is the same, report "
             "this as a bug";
    case RefusalReason::too_busy:
    case RefusalReason::unreachable:
      break;
  }
  return "";
}

// The same ticks, readable by themselves, under the same number.
EncodedBatch encode_alone(const EncodedBatch& batch, const DecodedBatch& decoded) {
  BatchEncoder encoder;
  std::vector<Reading> readings;
  for (std::size_t tick = 0; tick < decoded.ticks(); ++tick) {
    readings.clear();
    for (Slot slot = 0; slot < decoded.slots; ++slot) {
      const std::size_t at = decoded.at(slot, tick);
      if (decoded.present[at] != 0) readings.push_back({slot, decoded.values[at]});
    }
    encoder.add(decoded.times_ms[tick], readings);
  }
  EncodedBatch alone = encoder.finish(decoded.slots);
  alone.seq = alone.key_seq = batch.seq;
  return alone;
}

}  // namespace

Chance kernel_chance() {
  return {[] {
            std::array<std::uint8_t, 4> bytes{};
            random_bytes(bytes);
            double value = 0;
            for (const std::uint8_t byte : bytes) value = (value + byte) / 256;
            return value;
          },
          [] {
            RunId run{};
            random_bytes(run);
            return run;
          }};
}

Sender::Sender(AgentLink& link, Outbox& outbox, BatchWishes& wishes, const Clock& clock,
               AgentIdentity identity, Chance chance)
    : link_(link),
      outbox_(outbox),
      wishes_(wishes),
      clock_(clock),
      identity_(std::move(identity)),
      chance_(std::move(chance)),
      run_(chance_.new_run()) {}

milliseconds Sender::step(milliseconds patience) {
  report_drops();
  try {
    if (!connected_) {
      const Time left = retry_at_ - clock_.boottime();
      if (left.count() > 0) return ceil<milliseconds>(left);
      connect();
    } else {
      send();
      if (const auto event = link_.wait(patience_within(patience))) {
        heard_at_ = clock_.boottime();
        hear(*event);
      } else if (!open_.empty() && clock_.boottime() - heard_at_ >= kSilence) {
        lose("the server has not answered for a minute");
      }
    }
  } catch (const std::exception& failure) {
    lose(failure.what());
  }
  return connected_ ? milliseconds(0)
                    : std::max(milliseconds(0), ceil<milliseconds>(retry_at_ - clock_.boottime()));
}

void Sender::close() {
  connected_ = false;
  link_.close();
}

void Sender::connect() {
  Hello hello;
  hello.token = identity_.token;
  hello.run = run_;
  hello.host_name = identity_.host_name;
  hello.agent_version = identity_.agent_version;
  hello.facts_json = identity_.facts_json ? identity_.facts_json() : "{}";
  hello.clock_ms = clock_.wall_ms();
  hello.last_seq = outbox_.newest() - base_;
  const auto answer = link_.open(hello);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) {
    refused(*refusal);
  } else {
    welcomed(std::get<Welcome>(answer), hello.last_seq);
  }
}

void Sender::refused(const Refusal& refusal) {
  const std::string step = next_step(refusal.reason);
  const std::string complaint = refusal.text + '\n' + step;
  if (complaint != complaint_) {
    complaint_ = complaint;
    if (step.empty()) {
      log::warning("no connection to the server; readings are kept and sent later",
                   {{"reason", refusal.text}});
    } else {
      log::error("the server refuses this agent", {{"reason", refusal.text}, {"next_step", step}});
    }
  }
  if (!step.empty()) backoff_.slow();
  retry_at_ = clock_.boottime() + backoff_.next(chance_.uniform(), refusal.retry_after);
}

void Sender::welcomed(const Welcome& welcome, std::uint64_t last_seq) {
  connected_ = true;
  connected_at_ = heard_at_ = clock_.boottime();
  complaint_.clear();
  open_.clear();
  begin_again_ = false;
  pause_until_ = {};
  named_ = 0;
  if (welcome.durable_seq > last_seq) {
    begin_new_run("the server has more of this run than this agent has sent");
    return;
  }
  // Less than before: the server was restored from a copy. What it forgot is gone, also the
  // keyframe.
  delivered_ = base_ + welcome.durable_seq;
  if (key_delivered_ > delivered_) key_delivered_ = 0;
  take_delivered(delivered_);
  cursor_ = delivered_;
  key_sent_ = key_delivered_;
  log::info("connected to the server", {{"host_id", welcome.host_id}});
}

void Sender::lose(const std::string& why, milliseconds hint) {
  if (connected_ && clock_.boottime() - connected_at_ >= kSettled) backoff_.reset();
  close();
  wishes_.live = false;
  retry_at_ = clock_.boottime() + backoff_.next(chance_.uniform(), hint);
  log::warning("the link to the server broke; readings are kept and sent later", {{"reason", why}});
}

// The first time at once; if that happens again and again, with the back-off.
void Sender::begin_new_run(const std::string& why) {
  log::warning("beginning a new run", {{"reason", why}});
  run_ = chance_.new_run();
  const BatchPtr oldest = outbox_.after(0);
  base_ = oldest ? oldest->seq - 1 : outbox_.newest();
  delivered_ = cursor_ = base_;
  key_sent_ = key_delivered_ = 0;
  wishes_.keyframe = true;
  wishes_.live = false;
  close();
  const Time now = clock_.boottime();
  const bool again = new_run_at_ && now - *new_run_at_ < kNewRunEvery;
  new_run_at_ = now;
  retry_at_ = again ? now + backoff_.next(chance_.uniform(), {}) : now;
}

void Sender::send() {
  if (begin_again_) {
    if (!open_.empty()) return;
    begin_again_ = false;
    cursor_ = delivered_;
    key_sent_ = key_delivered_;
  }
  if (clock_.boottime() < pause_until_) return;
  while (open_.size() < kMostOpen) {
    BatchPtr batch = outbox_.after(cursor_);
    if (!batch) return;
    push(std::move(batch));
  }
}

void Sender::push(BatchPtr batch) {
  const std::uint64_t number = batch->seq;
  cursor_ = number;
  if (batch->key_seq != number && batch->key_seq != key_sent_) {
    batch = stand_alone(*batch);
    if (!batch) return;
  }
  if (batch->key_seq == number) key_sent_ = number;
  if (batch->slots > named_) {
    const std::vector<SeriesDef> series = outbox_.series(named_);
    link_.define(series);
    named_ += series.size();
  }
  EncodedBatch wire = *batch;
  wire.seq = number - base_;
  wire.key_seq = batch->key_seq - base_;
  if (open_.empty()) heard_at_ = clock_.boottime();
  open_.push_back(number);
  link_.push(wire);
}

// Null if that cannot be done, which drops the batch: its keyframe is not there any more.
BatchPtr Sender::stand_alone(const EncodedBatch& batch) {
  const BatchPtr keyframe = outbox_.keyframe(batch.key_seq);
  if (keyframe) {
    const auto key = decode_batch(*keyframe, {});
    const auto decoded = key ? decode_batch(batch, key_values(*key)) : key;
    if (decoded) {
      EncodedBatch alone = encode_alone(batch, *decoded);
      outbox_.replace(alone);
      return std::make_shared<const EncodedBatch>(std::move(alone));
    }
  }
  log::error("a batch cannot be read any more and is dropped", {{"number", batch.seq}});
  outbox_.refused(batch.seq);
  ++refused_;
  return nullptr;
}

milliseconds Sender::patience_within(milliseconds most) const {
  const Time now = clock_.boottime();
  if (!open_.empty()) {
    most = std::min(most, ceil<milliseconds>(heard_at_ + kSilence - now));
  } else if (pause_until_ > now && outbox_.after(delivered_)) {
    most = std::min(most, ceil<milliseconds>(pause_until_ - now));
  }
  return std::max(most, milliseconds(0));
}

void Sender::hear(const LinkEvent& event) {
  if (const auto* ack = std::get_if<Acknowledged>(&event)) {
    on_acknowledged(ack->durable_seq);
  } else if (const auto* live = std::get_if<LiveWanted>(&event)) {
    wishes_.live = live->on;
  } else if (const auto* retry = std::get_if<RetryAfter>(&event)) {
    on_retry_after(retry->pause);
  } else if (const auto* refusal = std::get_if<BatchRefused>(&event)) {
    on_refused(*refusal);
  } else if (const auto* wanted = std::get_if<NewRunWanted>(&event)) {
    begin_new_run(wanted->text);
  } else if (const auto* closed = std::get_if<LinkClosed>(&event)) {
    lose(closed->text);
  }
}

void Sender::on_acknowledged(std::uint64_t seq) {
  // Never more than was sent, whatever the server says.
  const std::uint64_t number = base_ + std::min(seq, cursor_ - base_);
  while (!open_.empty() && open_.front() <= number) open_.pop_front();
  if (number > delivered_) take_delivered(number);
}

void Sender::take_delivered(std::uint64_t number) {
  delivered_ = number;
  if (const std::uint64_t keyframe = outbox_.delivered(number)) key_delivered_ = keyframe;
}

// Pushes are answered with success up to one of them, and put off from there on: so this answers
// the newest of the open ones.
void Sender::on_retry_after(milliseconds pause) {
  if (!open_.empty()) open_.pop_back();
  begin_again_ = true;
  pause = std::clamp(pause, kLeastPause, kLongestPause);
  pause += milliseconds(
      static_cast<milliseconds::rep>(chance_.uniform() * static_cast<double>(pause.count()) / 4));
  pause_until_ = std::max(pause_until_, clock_.boottime() + pause);
}

void Sender::on_refused(const BatchRefused& refusal) {
  const std::uint64_t number = base_ + std::min(refusal.seq, cursor_ - base_);
  std::erase(open_, number);
  const BatchPtr batch = outbox_.after(number - 1);
  if (refusal.fault == BatchFault::unknown_keyframe && batch && batch->seq == number &&
      batch->key_seq != number) {
    key_delivered_ = 0;
    wishes_.keyframe = true;
    begin_again_ = true;
    stand_alone(*batch);
    return;
  }
  outbox_.refused(number);
  ++refused_;
  const Time now = clock_.boottime();
  if (refusal_logged_at_ && now - *refusal_logged_at_ < kLogEvery) return;
  refusal_logged_at_ = now;
  log::warning("the server refuses a batch, which is dropped",
               {{"reason", refusal.text}, {"refused_so_far", refused_.load()}});
}

void Sender::report_drops() {
  const std::uint64_t dropped = outbox_.dropped();
  if (dropped == drops_reported_) return;
  const Time now = clock_.boottime();
  if (drops_reported_at_ && now - *drops_reported_at_ < kLogEvery) return;
  log::warning("the buffer is full: the oldest batches are dropped",
               {{"dropped", dropped - drops_reported_}, {"dropped_so_far", dropped}});
  drops_reported_ = dropped;
  drops_reported_at_ = now;
}

}  // namespace volta
