#include "store/head.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace volta {
namespace {

// A batch this long is a block by itself; shorter ones share a block.
constexpr std::size_t kOwnBlockTicks = 8;

void insert(NewestSamples& newest, std::int64_t time, std::uint64_t raw, std::int64_t accepted) {
  if (newest.accepted == 0 || time > newest.time_ms) {
    if (newest.accepted != 0) {
      newest.has_before = true;
      newest.before_ms = newest.time_ms;
      newest.before_raw = newest.raw;
    }
    newest.time_ms = time;
    newest.raw = raw;
    newest.accepted = accepted;
  } else if (time == newest.time_ms) {
    if (accepted < newest.accepted) return;
    newest.raw = raw;
    newest.accepted = accepted;
  } else if (!newest.has_before || time > newest.before_ms) {
    newest.has_before = true;
    newest.before_ms = time;
    newest.before_raw = raw;
  }
}

}  // namespace

void Head::note(HostHead& head, const Committed& entry, std::int64_t now_ms) {
  const DecodedBatch& batch = *entry.batch;
  for (Slot slot = 0; slot < batch.slots; ++slot) {
    if ((*entry.series)[slot] == SeriesId{}) continue;  // refused
    NewestSamples* newest = nullptr;
    for (std::size_t tick = 0; tick < batch.ticks(); ++tick) {
      const std::size_t at = batch.at(slot, tick);
      if (batch.present[at] == 0) continue;
      if (newest == nullptr) newest = &head.newest[(*entry.series)[slot]];
      insert(*newest, batch.times_ms[tick], batch.values[at], entry.accepted);
      newest->received_ms = now_ms;
    }
  }
}

void Head::note(HostHead& head, const HeadBlock& block) {
  for (Slot slot = 0; slot < block.columns.size(); ++slot) {
    const HeadBlock::Column& column = block.columns[slot];
    if (column.present == 0 || (*block.series)[slot] == SeriesId{}) continue;
    NewestSamples& newest = head.newest[(*block.series)[slot]];
    for (std::size_t tick = 0; tick < block.times_ms.size(); ++tick) {
      if ((column.present >> tick & 1U) == 0) continue;
      insert(newest, block.times_ms[tick], block.value(column, tick), block.accepted[tick]);
    }
    newest.received_ms = std::max(newest.received_ms, block.received_ms);
  }
}

void Head::append(const Committed& entry, std::int64_t now_ms) {
  const DecodedBatch& batch = *entry.batch;
  const std::lock_guard lock(mutex_);
  HostHead& head = hosts_[entry.host];
  note(head, entry, now_ms);
  auto found = head.runs.find(entry.run_row);
  if (found == head.runs.end()) {
    const std::int64_t newest = *std::max_element(batch.times_ms.begin(), batch.times_ms.end());
    if (newest < now_ms - limits_.span_ms) return;
    found = head.runs.try_emplace(entry.run_row).first;
    found->second.floor = entry.seq - 1;
  }
  OpenRun& run = found->second;
  run.idle = false;
  if (batch.ticks() < kOwnBlockTicks) {
    add_short(head, run, entry, now_ms);
  } else {
    seal(entry.host, head, run, entry.run_row, now_ms);
    for (std::size_t first = 0; first < batch.ticks(); first += kBlockTicks) {
      const std::size_t count = std::min(kBlockTicks, batch.ticks() - first);
      HeadBlockBuilder builder(count);
      builder.add(batch, first, count, entry.accepted);
      push(entry.host, head, run, builder.build(entry.run_row, entry.seq, entry.series), now_ms);
    }
  }
  run.series = entry.series;
  run.last_seq = entry.seq;
  evict(now_ms);
}

void Head::add_short(HostHead& head, OpenRun& run, const Committed& entry, std::int64_t now_ms) {
  const std::size_t ticks = entry.batch->ticks();
  if (ticks > run.open.room()) seal(entry.host, head, run, entry.run_row, now_ms);
  const std::size_t before = run.open.bytes();
  run.open.add(*entry.batch, 0, ticks, entry.accepted);
  bytes_ += run.open.bytes() - before;
}

void Head::push(HostId host, HostHead& head, OpenRun& run, std::shared_ptr<HeadBlock> block,
                std::int64_t now_ms) {
  block->received_ms = now_ms;
  bytes_ += block->bytes();
  head.blocks.push_back(std::move(block));
  order_.push_back(host);
  ++run.blocks;
}

void Head::seal(HostId host, HostHead& head, OpenRun& run, std::int64_t run_row,
                std::int64_t now_ms) {
  if (run.open.ticks() == 0) return;
  push(host, head, run, run.open.build(run_row, run.last_seq, run.series), now_ms);
  run.open.clear();
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
  if (run.blocks == 0 && run.open.ticks() == 0) {
    bytes_ -= run.open.bytes();
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
    note(head, **block);
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
    if (run.open.ticks() == 0) continue;
    auto block = run.open.build(row, run.last_seq, run.series);
    if (overlaps(*block)) snapshot.blocks.push_back(std::move(block));
  }
  return snapshot;
}

std::vector<std::pair<SeriesId, NewestSamples>> Head::newest(HostId host) const {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return {};
  return {found->second.newest.begin(), found->second.newest.end()};
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
  for (const auto& [row, run] : found->second.runs) bytes_ -= run.open.bytes();
  hosts_.erase(found);
  std::erase(order_, host);
}

void Head::tidy(std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  for (auto& [host, head] : hosts_) {
    for (auto& [row, run] : head.runs) {
      if (run.idle) seal(host, head, run, row, now_ms);
      if (run.open.ticks() == 0) {
        bytes_ -= run.open.bytes();
        run.open = HeadBlockBuilder();
      }
      run.idle = true;
    }
    std::erase_if(head.runs, [](const auto& run) {
      return run.second.blocks == 0 && run.second.open.ticks() == 0;
    });
    std::erase_if(head.newest, [&](const auto& newest) {
      return newest.second.received_ms < now_ms - limits_.span_ms;
    });
  }
  evict(now_ms);
}

}  // namespace volta
