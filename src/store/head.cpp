#include "store/head.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace volta {

void Head::append(const Committed& entry, std::int64_t now_ms) {
  const DecodedBatch& batch = *entry.batch;
  const std::lock_guard lock(mutex_);
  HostHead& head = hosts_[entry.host];
  head.newest.note(batch, *entry.series, entry.accepted, now_ms);
  auto found = head.runs.find(entry.run_row);
  if (found == head.runs.end()) {
    const std::int64_t newest = *std::max_element(batch.times_ms.begin(), batch.times_ms.end());
    if (newest < now_ms - limits_.span_ms) return;
    found = head.runs.try_emplace(entry.run_row).first;
    found->second.floor = entry.seq - 1;
  }
  OpenRun& run = found->second;
  run.idle = false;
  const Place place{entry.host, head, run, entry.run_row, now_ms};
  if (batch.ticks() < kDenseTicks) {
    add_short(place, entry);
  } else {
    add_long(place, entry);
  }
  run.series = entry.series;
  run.last_seq = entry.seq;
  evict(now_ms);
  // Where nothing else is left to go, this has to; all of the run may be gone already.
  if (bytes_ <= limits_.bytes || !head.runs.contains(entry.run_row)) return;
  seal(place);
  evict(now_ms);
}

void Head::add_short(const Place& place, const Committed& entry) {
  HeadBlockBuilder& dense = place.run.dense;
  const std::size_t ticks = entry.batch->ticks();
  if (ticks > dense.room()) pack(place);
  const std::size_t before = dense.bytes();
  dense.add(*entry.batch, 0, ticks, entry.accepted);
  bytes_ += dense.bytes() - before;
  place.run.series = entry.series;
  place.run.last_seq = entry.seq;
  if (dense.room() == 0) pack(place);
}

void Head::add_long(const Place& place, const Committed& entry) {
  const std::size_t ticks = entry.batch->ticks();
  pack(place);
  for (std::size_t first = 0; first < ticks; first += kBlockTicks) {
    auto block =
        block_of(*entry.batch, first, std::min(kBlockTicks, ticks - first), entry.accepted);
    block->run_row = entry.run_row;
    block->last_seq = entry.seq;
    block->series = entry.series;
    add_small(place, std::move(block));
  }
}

void Head::add_small(const Place& place, std::shared_ptr<HeadBlock> block) {
  OpenRun& run = place.run;
  const std::size_t ticks = block->ticks();
  if (run.small_ticks + ticks > kBlockTicks) join(place);
  block->received_ms = place.now_ms;
  bytes_ += block->bytes();
  run.small.push_back(std::move(block));
  run.small_ticks += ticks;
  if (run.small_ticks + ticks > kBlockTicks) join(place);  // the next one will be as long
}

void Head::pack(const Place& place) {
  OpenRun& run = place.run;
  if (run.dense.ticks() == 0) return;
  auto block = run.dense.build(place.run_row, run.last_seq, run.series);
  run.dense.clear();
  add_small(place, std::move(block));
}

void Head::join(const Place& place) {
  OpenRun& run = place.run;
  if (run.small.empty()) return;
  auto block = run.small.size() == 1 ? run.small.front() : joined(run.small);
  for (const auto& part : run.small) bytes_ -= part->bytes();
  run.small.clear();
  run.small_ticks = 0;
  bytes_ += block->bytes();
  place.head.blocks.push_back(std::move(block));
  order_.push_back(place.host);
  ++run.blocks;
}

void Head::seal(const Place& place) {
  pack(place);
  join(place);
}

void Head::evict_front(HostHead& head) {
  const std::shared_ptr<const HeadBlock> block = head.blocks.front();
  head.blocks.pop_front();
  bytes_ -= block->bytes();
  const auto found = head.runs.find(block->run_row);
  VOLTA_ASSERT(found != head.runs.end() && found->second.blocks > 0);
  OpenRun& run = found->second;
  run.floor = block->last_seq;
  --run.blocks;
  if (run.blocks == 0 && run.empty()) {
    bytes_ -= run.dense.bytes();
    head.runs.erase(found);
  }
}

void Head::evict(std::int64_t now_ms) {
  while (!order_.empty()) {
    HostHead& oldest = hosts_.at(order_.front());
    const bool too_old = oldest.blocks.front()->received_ms < now_ms - limits_.span_ms;
    if (bytes_ <= limits_.bytes && !too_old) return;
    order_.pop_front();
    evict_front(oldest);
  }
}

void Head::prepend(HostId host, std::vector<std::shared_ptr<const HeadBlock>> blocks,
                   std::uint64_t floor) {
  if (blocks.empty()) return;
  const std::lock_guard lock(mutex_);
  HostHead& head = hosts_[host];
  OpenRun& run = head.runs[blocks.front()->run_row];
  run.floor = floor;
  run.blocks += blocks.size();
  run.series = blocks.back()->series;
  run.last_seq = std::max(run.last_seq, blocks.back()->last_seq);
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    bytes_ += (*block)->bytes();
    head.newest.note(**block);
    order_.push_front(host);
    head.blocks.push_front(std::move(*block));
  }
}

bool Head::full() const {
  const std::lock_guard lock(mutex_);
  return bytes_ >= limits_.bytes;
}

Head::Snapshot Head::snapshot(HostId host, std::int64_t start_ms, std::int64_t end_ms) const {
  const std::lock_guard lock(mutex_);
  Snapshot snapshot;
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return snapshot;
  const auto overlaps = [&](const HeadBlock& block) {
    return block.min_ms <= end_ms && block.max_ms >= start_ms;
  };
  for (const auto& block : found->second.blocks) {
    if (overlaps(*block)) snapshot.blocks.push_back(block);
  }
  for (const auto& [row, run] : found->second.runs) {
    snapshot.floors[row] = run.floor;
    for (const auto& block : run.small) {
      if (overlaps(*block)) snapshot.blocks.push_back(block);
    }
    if (run.dense.ticks() == 0) continue;
    auto block = run.dense.build(row, run.last_seq, run.series);
    if (overlaps(*block)) snapshot.blocks.push_back(std::move(block));
  }
  return snapshot;
}

std::vector<std::pair<SeriesId, NewestSamples>> Head::newest(HostId host) const {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return {};
  return found->second.newest.all();
}

std::size_t Head::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void Head::forget(HostId host) {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return;
  for (const auto& block : found->second.blocks) bytes_ -= block->bytes();
  for (const auto& [row, run] : found->second.runs) {
    bytes_ -= run.dense.bytes();
    for (const auto& block : run.small) bytes_ -= block->bytes();
  }
  hosts_.erase(found);
  std::erase(order_, host);
}

void Head::tidy(std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  for (auto& [host, head] : hosts_) {
    for (auto& [row, run] : head.runs) {
      if (run.idle) seal({host, head, run, row, now_ms});
      if (run.dense.ticks() == 0) {
        bytes_ -= run.dense.bytes();
        run.dense = HeadBlockBuilder(kDenseTicks);
      }
      run.idle = true;
    }
    std::erase_if(head.runs,
                  [](const auto& run) { return run.second.blocks == 0 && run.second.empty(); });
    head.newest.forget_before(now_ms - limits_.span_ms);
  }
  evict(now_ms);
}

}  // namespace volta
