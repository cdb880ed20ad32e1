#include "uplink/run_output.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.hpp"

namespace volta {
namespace {

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

RunOutput RunOutput::restored(const SpoolRun& run, Outbox& outbox) {
  RunOutput out(run.id, outbox, run.base);
  out.end_ = run.last;
  out.restored_ = true;
  return out;
}

RunOutput RunOutput::successor(const RunId& run) const {
  const std::uint64_t newest = outbox_->newest();
  return {run, *outbox_, std::max(sent_, newest == 0 ? 0 : newest - 1)};
}

void RunOutput::renumber(const RunId& run) {
  run_ = run;
  restored_ = false;
  const BatchPtr oldest = outbox_->after(base_, end_);
  base_ = oldest ? oldest->seq - 1 : std::min(outbox_->newest(), end_);
  start_over();
}

void RunOutput::start_over() {
  delivered_ = cursor_ = sent_ = base_;
  key_sent_ = key_delivered_ = 0;
  link_ended();
}

void RunOutput::link_ended() {
  open_.clear();
  begin_again_ = false;
  pause_until_ = {};
}

std::uint64_t RunOutput::last_seq() const { return std::min(outbox_->newest(), end_) - base_; }

bool RunOutput::begin(std::uint64_t durable_seq, std::uint64_t last_seq) {
  if (durable_seq > last_seq) {
    if (!restored_) return false;
    durable_seq = last_seq;
  }
  // Perhaps less than before: the server was restored from a copy. What it forgot is gone, also the
  // keyframe.
  const std::uint64_t number = base_ + durable_seq;
  if (key_delivered_ > number) key_delivered_ = 0;
  take_delivered(number);
  cursor_ = number;
  key_sent_ = key_delivered_;
  return true;
}

std::optional<EncodedBatch> RunOutput::next(Time now) {
  if (begin_again_) {
    if (!open_.empty()) return std::nullopt;
    begin_again_ = false;
    cursor_ = delivered_;
    key_sent_ = key_delivered_;
  }
  if (now < pause_until_) return std::nullopt;
  while (BatchPtr batch = outbox_->after(cursor_, end_)) {
    const std::uint64_t number = cursor_ = batch->seq;
    if (batch->key_seq != number && batch->key_seq != key_sent_) {
      batch = stand_alone(*batch);
      if (!batch) continue;
    }
    if (batch->key_seq == number) key_sent_ = number;
    sent_ = std::max(sent_, number);
    open_.push_back(number);
    EncodedBatch wire = *batch;
    wire.seq = number - base_;
    wire.key_seq = batch->key_seq - base_;
    return wire;
  }
  return std::nullopt;
}

// Null if that cannot be done, which drops the batch: its keyframe is not there any more.
BatchPtr RunOutput::stand_alone(const EncodedBatch& batch) {
  const BatchPtr keyframe = outbox_->keyframe(batch.key_seq);
  if (keyframe) {
    const auto key = decode_batch(*keyframe, {});
    const auto decoded = key ? decode_batch(batch, key_values(*key)) : key;
    if (decoded) {
      EncodedBatch alone = encode_alone(batch, *decoded);
      outbox_->replace(alone);
      return std::make_shared<const EncodedBatch>(std::move(alone));
    }
  }
  log::error("a batch cannot be read any more and is dropped", {{"number", batch.seq}});
  outbox_->refused(batch.seq);
  ++unreadable_;
  return nullptr;
}

// Never more than was sent, whatever the server says.
std::uint64_t RunOutput::number_of(std::uint64_t seq) const {
  return base_ + std::min(seq, cursor_ - base_);
}

bool RunOutput::acknowledged(std::uint64_t seq) {
  const std::uint64_t number = number_of(seq);
  while (!open_.empty() && open_.front() <= number) open_.pop_front();
  if (number <= delivered_) return false;
  take_delivered(number);
  return true;
}

void RunOutput::take_delivered(std::uint64_t number) {
  delivered_ = number;
  if (const std::uint64_t keyframe = outbox_->delivered(base_, number)) key_delivered_ = keyframe;
}

void RunOutput::put_off(std::uint64_t seq) {
  std::erase(open_, number_of(seq));
  begin_again_ = true;
}

RunOutput::Refused RunOutput::refused(std::uint64_t seq, BatchFault fault) {
  const std::uint64_t number = number_of(seq);
  std::erase(open_, number);
  const BatchPtr batch = number == base_ ? nullptr : outbox_->after(number - 1, number);
  if (fault == BatchFault::unknown_keyframe && batch && batch->key_seq != number) {
    key_delivered_ = 0;
    begin_again_ = true;
    stand_alone(*batch);
    return Refused::sent_again;
  }
  if (batch) outbox_->refused(number);
  return Refused::dropped;
}

}  // namespace volta
