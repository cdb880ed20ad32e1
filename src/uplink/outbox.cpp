#include "uplink/outbox.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace volta {
namespace {

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

void Outbox::learn(std::span<const SeriesDef> layout) {
  const std::size_t most = std::min<std::size_t>(layout.size(), kMostSlots);
  const std::lock_guard lock(mutex_);
  for (std::size_t slot = series_.size(); slot < most; ++slot) series_.push_back(layout[slot]);
}

void Outbox::add(EncodedBatch batch, std::chrono::nanoseconds now) {
  const auto kept = std::make_shared<const EncodedBatch>(std::move(batch));
  const std::lock_guard lock(mutex_);
  VOLTA_ASSERT(kept->seq == newest_ + 1);
  newest_ = kept->seq;
  bytes_ += cost(*kept);
  batches_.push_back({kept, now});
  if (kept->key_seq == kept->seq) {
    keyframes_[kept->seq] = kept;
    forget_keyframes();
  }
  while (batches_.size() > 1 &&
         (bytes_ > limits_.bytes || now - batches_.front().added_at > limits_.age)) {
    pop_front();
    ++dropped_;
  }
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

BatchPtr Outbox::after(std::uint64_t number, std::uint64_t last) const {
  const std::lock_guard lock(mutex_);
  const auto found = first_after(batches_, number);
  return found == batches_.end() || found->batch->seq > last ? nullptr : found->batch;
}

std::size_t Outbox::count(std::uint64_t number, std::uint64_t last) const {
  const std::lock_guard lock(mutex_);
  const auto begin = first_after(batches_, number);
  const auto end = first_after(batches_, last);
  return begin < end ? static_cast<std::size_t>(end - begin) : 0;
}

BatchPtr Outbox::keyframe(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = keyframes_.find(number);
  return found == keyframes_.end() ? nullptr : found->second;
}

std::vector<SeriesDef> Outbox::series(std::size_t first) const {
  const std::lock_guard lock(mutex_);
  if (first >= series_.size()) return {};
  return {series_.begin() + static_cast<std::ptrdiff_t>(first), series_.end()};
}

std::uint64_t Outbox::delivered(std::uint64_t after, std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  std::uint64_t keyframe = 0;
  const auto begin = first_after(batches_, after);
  auto end = begin;
  for (; end != batches_.end() && end->batch->seq <= number; ++end) {
    const EncodedBatch& batch = *end->batch;
    if (batch.key_seq == batch.seq) keyframe = batch.seq;
    bytes_ -= cost(batch);
  }
  batches_.erase(begin, end);
  return keyframe;
}

void Outbox::refused(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = first_after(batches_, number - 1);
  if (found == batches_.end() || found->batch->seq != number) return;
  bytes_ -= cost(*found->batch);
  batches_.erase(found);
}

void Outbox::replace(EncodedBatch batch) {
  const std::lock_guard lock(mutex_);
  const auto found = first_after(batches_, batch.seq - 1);
  if (found == batches_.end() || found->batch->seq != batch.seq) return;
  bytes_ -= cost(*found->batch);
  bytes_ += cost(batch);
  found->batch = std::make_shared<const EncodedBatch>(std::move(batch));
}

std::size_t Outbox::size() const {
  const std::lock_guard lock(mutex_);
  return batches_.size();
}

std::uint64_t Outbox::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

std::uint64_t Outbox::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace volta
