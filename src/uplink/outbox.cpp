#include "uplink/outbox.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace volta {
namespace {

// Ticks that wait for the disk; more are left out.
constexpr std::size_t kMostTickBytes = 1U << 20U;
// Delivered batches that wait for the disk all the same, since numbers in a segment rise by one.
constexpr std::size_t kMostDeliveredToSpool = 32;
constexpr std::size_t kMostNewGone = 1024;

std::size_t cost(const EncodedBatch& batch) {
  constexpr std::size_t kBookkeeping = 160;  // the batch itself, its control block, its place
  return batch.payload.size() + kBookkeeping;
}

template <typename Batches>
auto first_after(Batches& batches, std::uint64_t number) {
  return std::upper_bound(batches.begin(), batches.end(), number,
                          [](std::uint64_t n, const auto& kept) { return n < kept.batch->seq; });
}

}  // namespace

void Outbox::attach(Shelf& shelf, const SpoolContent& content, std::chrono::nanoseconds now) {
  {
    const std::lock_guard lock(mutex_);
    shelf_ = &shelf;
    series_ = content.series;
    gone_ = content.gone;
    disk_keyframes_ = content.keyframes;
    for (const SpoolSegment& segment : content.segments) {
      disk_.add(segment.numbers);
      newest_ = segment.numbers.last;
    }
  }
  for (const EncodedBatch& batch : content.unfinished) add(batch, now);
}

void Outbox::learn(std::span<const SeriesDef> layout) {
  const std::size_t most = std::min<std::size_t>(layout.size(), kMostSlots);
  const std::lock_guard lock(mutex_);
  for (std::size_t slot = series_.size(); slot < most; ++slot) series_.push_back(layout[slot]);
}

void Outbox::add(EncodedBatch batch, std::chrono::nanoseconds now) {
  const auto kept = std::make_shared<const EncodedBatch>(std::move(batch));
  const std::lock_guard lock(mutex_);
  VOLTA_ASSERT(kept->seq > newest_);
  newest_ = kept->seq;
  bytes_ += cost(*kept);
  batches_.push_back({kept, now});
  if (kept->key_seq == kept->seq) {
    keyframes_[kept->seq] = kept;
    forget_keyframes();
  }
  if (shelf_ != nullptr) {
    const auto key = keyframes_.find(kept->key_seq);
    to_spool_.push_back({kept, key == keyframes_.end() ? nullptr : key->second});
    to_spool_bytes_ += cost(*kept);
  }
  keep_within(now);
}

// Requires the lock.
void Outbox::keep_within(std::chrono::nanoseconds now) {
  while (batches_.size() > 1 &&
         (bytes_ > limits_.bytes || now - batches_.front().added_at > limits_.age)) {
    if (!disk_.contains(batches_.front().batch->seq)) ++dropped_;
    pop_front();
  }
  // What is dropped from memory is not written down either: the disk does not keep up, or fails.
  const std::uint64_t oldest = batches_.front().batch->seq;
  while (to_spool_.size() > 1) {
    const std::uint64_t number = to_spool_.front().batch->seq;
    const bool waits_too_long =
        gone_.contains(number) ? to_spool_.size() > kMostDeliveredToSpool : number < oldest;
    if (!waits_too_long && to_spool_bytes_ <= limits_.bytes) break;
    to_spool_bytes_ -= cost(*to_spool_.front().batch);
    to_spool_.pop_front();
  }
}

void Outbox::add_tick(OpenTick tick) {
  const std::lock_guard lock(mutex_);
  if (tick_bytes_ + tick.record.size() > kMostTickBytes) return;
  tick_bytes_ += tick.record.size();
  ticks_.push_back(std::move(tick));
}

void Outbox::pop_front() {
  bytes_ -= cost(*batches_.front().batch);
  batches_.pop_front();
}

// Requires the lock. The newest keyframe stays: the encoder counts from it.
void Outbox::forget_keyframes() {
  std::uint64_t oldest_used = keyframes_.rbegin()->first;
  for (const Kept& kept : batches_) oldest_used = std::min(oldest_used, kept.batch->key_seq);
  keyframes_.erase(keyframes_.begin(), keyframes_.lower_bound(oldest_used));
}

// Requires the lock. 0: none.
std::uint64_t Outbox::next_on_disk(std::uint64_t number) const {
  for (const NumberSpan& span : disk_.spans()) {
    const std::uint64_t next = gone_.next_outside(std::max(number, span.after));
    if (next <= span.last) return next;
  }
  return 0;
}

BatchPtr Outbox::after(std::uint64_t number, std::uint64_t last) {
  for (;;) {
    std::uint64_t on_disk = 0;
    {
      const std::lock_guard lock(mutex_);
      const auto found = first_after(batches_, number);
      on_disk = next_on_disk(number);
      if (found != batches_.end() && (on_disk == 0 || found->batch->seq <= on_disk)) {
        return found->batch->seq > last ? nullptr : found->batch;
      }
    }
    if (on_disk == 0 || on_disk > last) return nullptr;
    if (BatchPtr batch = shelf_->read(on_disk)) return batch;
    const std::lock_guard lock(mutex_);
    // Unless it has just gone with its segment, which counts it.
    if (next_on_disk(on_disk - 1) != on_disk) continue;
    ++dropped_from_disk_;
    take_out({on_disk - 1, on_disk});
  }
}

// Requires the lock.
std::uint64_t Outbox::pending(std::uint64_t number, std::uint64_t last) const {
  std::uint64_t sum = 0;
  for (const NumberSpan& span : disk_.spans()) {
    const NumberSpan within{std::max(span.after, number), std::min(span.last, last)};
    if (within.last > within.after) sum += within.last - within.after - gone_.count(within);
  }
  for (auto kept = first_after(batches_, number); kept != batches_.end(); ++kept) {
    if (kept->batch->seq > last) break;
    if (!disk_.contains(kept->batch->seq)) ++sum;
  }
  return sum;
}

std::size_t Outbox::count(std::uint64_t number, std::uint64_t last) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(pending(number, last));
}

BatchPtr Outbox::keyframe(std::uint64_t number) const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = keyframes_.find(number);
    if (found != keyframes_.end()) return found->second;
  }
  return shelf_ == nullptr ? nullptr : shelf_->read_keyframe(number);
}

std::vector<SeriesDef> Outbox::series(std::size_t first) const {
  const std::lock_guard lock(mutex_);
  if (first >= series_.size()) return {};
  return {series_.begin() + static_cast<std::ptrdiff_t>(first), series_.end()};
}

// Requires the lock. In the set of what is gone also while it is not on disk yet, where it comes
// nevertheless.
void Outbox::take_out(NumberSpan numbers) {
  const auto begin = first_after(batches_, numbers.after);
  auto end = begin;
  for (; end != batches_.end() && end->batch->seq <= numbers.last; ++end) {
    bytes_ -= cost(*end->batch);
  }
  batches_.erase(begin, end);
  if (shelf_ == nullptr) return;
  gone_.add(numbers);
  if (!new_gone_.empty() && new_gone_.back().after == numbers.after) new_gone_.pop_back();
  if (new_gone_.size() < kMostNewGone) new_gone_.push_back(numbers);
}

std::uint64_t Outbox::delivered(std::uint64_t after, std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  if (number <= after) return 0;
  std::uint64_t keyframe = 0;
  for (auto kept = first_after(batches_, after); kept != batches_.end(); ++kept) {
    const EncodedBatch& batch = *kept->batch;
    if (batch.seq > number) break;
    if (batch.key_seq == batch.seq) keyframe = batch.seq;
  }
  const auto above = std::upper_bound(disk_keyframes_.begin(), disk_keyframes_.end(), number);
  if (above != disk_keyframes_.begin() && *std::prev(above) > after) {
    keyframe = std::max(keyframe, *std::prev(above));
  }
  take_out({after, number});
  return keyframe;
}

void Outbox::refused(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  take_out({number - 1, number});
  std::erase(disk_keyframes_, number);
}

std::uint64_t Outbox::drop(NumberSpan numbers) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t dropped = pending(numbers.after, numbers.last);
  dropped_from_disk_ += dropped;
  take_out(numbers);
  return dropped;
}

void Outbox::replace(EncodedBatch batch) {
  const std::lock_guard lock(mutex_);
  const auto found = first_after(batches_, batch.seq - 1);
  if (found == batches_.end() || found->batch->seq != batch.seq) return;
  bytes_ -= cost(*found->batch);
  bytes_ += cost(batch);
  found->batch = std::make_shared<const EncodedBatch>(std::move(batch));
}

void Outbox::note_run(const SpoolRun& run) {
  if (shelf_ != nullptr) shelf_->note_run(run);
}

void Outbox::note_host(const std::string& host_id) {
  if (shelf_ != nullptr) shelf_->note_host(host_id);
}

ToSpool Outbox::to_spool() const {
  const std::lock_guard lock(mutex_);
  return to_spool_.empty() ? ToSpool() : to_spool_.front();
}

void Outbox::spooled(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  // It may have been dropped while it was written; then it is on disk all the same.
  if (!to_spool_.empty() && to_spool_.front().batch->seq == number) {
    const EncodedBatch& batch = *to_spool_.front().batch;
    if (batch.key_seq == batch.seq) disk_keyframes_.push_back(number);
    to_spool_bytes_ -= cost(batch);
    to_spool_.pop_front();
  }
  disk_.add({number - 1, number});
  while (batches_.size() > 1 && bytes_ > limits_.beside_disk &&
         disk_.contains(batches_.front().batch->seq)) {
    pop_front();
  }
}

std::vector<OpenTick> Outbox::take_ticks() {
  const std::lock_guard lock(mutex_);
  tick_bytes_ = 0;
  return std::exchange(ticks_, {});
}

std::vector<NumberSpan> Outbox::take_gone() {
  const std::lock_guard lock(mutex_);
  return std::exchange(new_gone_, {});
}

DroppedBatches Outbox::leave_disk(NumberSpan numbers, const std::vector<EncodedBatch>& batches) {
  const std::lock_guard lock(mutex_);
  DroppedBatches out;
  const auto lost = [&](std::uint64_t number) {
    if (number > numbers.last || gone_.contains(number) || !disk_.contains(number)) return false;
    const auto kept = first_after(batches_, number - 1);
    return kept == batches_.end() || kept->batch->seq != number;
  };
  for (const EncodedBatch& batch : batches) {
    if (!lost(batch.seq)) continue;
    out.first_ms = out.batches == 0 ? batch.first_ms : std::min(out.first_ms, batch.first_ms);
    out.last_ms = out.batches == 0 ? batch.last_ms : std::max(out.last_ms, batch.last_ms);
    ++out.batches;
    out.samples += batch.points;
  }
  const std::uint64_t before = pending(0, numbers.last);
  disk_.forget_to(numbers.last);
  // Those that could not be read to be counted are lost as well.
  out.batches = std::max(out.batches, before - pending(0, numbers.last));
  gone_.forget_to(
      std::min(numbers.last, batches_.empty() ? numbers.last : batches_.front().batch->seq - 1));
  std::erase_if(disk_keyframes_, [&](std::uint64_t number) { return number <= numbers.last; });
  dropped_from_disk_ += out.batches;
  return out;
}

std::uint64_t Outbox::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

std::uint64_t Outbox::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_ + dropped_from_disk_;
}

std::uint64_t Outbox::dropped_in_memory() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace volta
