#include "store/head_block.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/assert.hpp"
#include "store/bit_pack.hpp"

namespace volta {
namespace {

using BlockValues = std::array<std::uint64_t, kBlockTicks>;

// As the whole table counts, not only what it uses: capacity is what memory pays for.
template <typename T>
std::size_t held(const std::vector<T>& values) {
  return values.capacity() * sizeof(T);
}

template <typename Visit>
void each_tick(std::uint64_t present, const Visit& visit) {
  for (std::uint64_t rest = present; rest != 0; rest &= rest - 1) {
    visit(static_cast<std::size_t>(std::countr_zero(rest)));
  }
}

// Distances are counted from the first value, with a sign: so they are short for what moves around
// zero and for counters near 2^64 alike.
struct ColumnSpan {
  std::uint64_t least = 0;
  std::uint64_t most = 0;     // of distances from `least`
  std::uint64_t differs = 0;  // bits in which any value differs from the first

  ColumnSpan(std::uint64_t present, const std::uint64_t* values) {
    const std::uint64_t first = values[std::countr_zero(present)];
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto take = [&](std::size_t tick) {
      const auto distance = static_cast<std::int64_t>(values[tick] - first);
      low = std::min(low, distance);
      high = std::max(high, distance);
      differs |= values[tick] ^ first;
    };
    each_tick(present, take);
    least = first + static_cast<std::uint64_t>(low);
    most = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  }
};

// Appends what the column needs of `data`.
HeadBlock::Column packed(std::uint64_t present, const std::uint64_t* values, std::size_t ticks,
                         Bytes& data) {
  HeadBlock::Column column;
  if (present == 0) return column;
  const ColumnSpan span(present, values);
  column.base = span.least;
  column.offset = static_cast<std::uint32_t>(data.size());
  column.presence = HeadBlock::Presence::all;
  if (present != low_mask(static_cast<unsigned>(ticks))) {
    column.presence = HeadBlock::Presence::some;
    data.resize(data.size() + sizeof present);
    std::memcpy(&data[column.offset], &present, sizeof present);
  }
  if (span.differs == 0) return column;
  column.shift = static_cast<std::uint8_t>(std::countr_zero(span.differs));
  column.width = static_cast<std::uint8_t>(std::bit_width(span.most >> column.shift));
  BitWriter bits(data);
  each_tick(present, [&](std::size_t tick) {
    bits.put((values[tick] - column.base) >> column.shift, column.width);
  });
  bits.finish();
  return column;
}

void finish(HeadBlock& block) {
  const auto [least, most] = std::minmax_element(block.times_ms.begin(), block.times_ms.end());
  block.min_ms = *least;
  block.max_ms = *most;
  block.received_ms = *most;
  if (!block.data.empty()) block.data.resize(block.data.size() + kBitPadding);
  block.data.shrink_to_fit();
}

}  // namespace

std::size_t HeadBlock::bytes() const {
  return sizeof(HeadBlock) + held(times_ms) + held(accepted) + held(columns) + held(data);
}

std::uint64_t HeadBlock::read(Slot slot, std::span<std::uint64_t> values) const {
  if (slot >= columns.size()) return 0;
  const Column& column = columns[slot];
  if (column.presence == Presence::none) return 0;
  std::uint64_t present = low_mask(static_cast<unsigned>(ticks()));
  std::size_t position = std::size_t{column.offset} * 8;
  if (column.presence == Presence::some) {
    std::memcpy(&present, &data[column.offset], sizeof present);
    position += 8 * sizeof present;
  }
  if (column.width == 0) {
    each_tick(present, [&](std::size_t tick) { values[tick] = column.base; });
    return present;
  }
  each_tick(present, [&](std::size_t tick) {
    values[tick] = column.base + (bits_at(data.data(), position, column.width) << column.shift);
    position += column.width;
  });
  return present;
}

std::shared_ptr<HeadBlock> block_of(const DecodedBatch& batch, std::size_t first, std::size_t count,
                                    std::int64_t accepted) {
  VOLTA_ASSERT(count > 0 && count <= kBlockTicks && first + count <= batch.ticks());
  auto block = std::make_shared<HeadBlock>();
  const auto from = batch.times_ms.begin() + static_cast<std::ptrdiff_t>(first);
  block->times_ms.assign(from, from + static_cast<std::ptrdiff_t>(count));
  block->accepted.assign(count, accepted);
  block->columns.reserve(batch.slots);
  block->data.reserve(std::size_t{batch.slots} * 8);
  for (Slot slot = 0; slot < batch.slots; ++slot) {
    const std::size_t at = batch.at(slot, first);
    std::uint64_t present = 0;
    for (std::size_t tick = 0; tick < count; ++tick) {
      present |= std::uint64_t{batch.present[at + tick] != 0} << tick;
    }
    block->columns.push_back(packed(present, &batch.values[at], count, block->data));
  }
  finish(*block);
  return block;
}

std::shared_ptr<HeadBlock> joined(std::span<const std::shared_ptr<const HeadBlock>> blocks) {
  auto block = std::make_shared<HeadBlock>();
  const HeadBlock& last = *blocks.back();
  std::size_t ticks = 0;
  std::size_t slots = 0;
  std::size_t bytes = 0;
  for (const auto& part : blocks) {
    ticks += part->ticks();
    slots = std::max(slots, part->columns.size());
    bytes += part->data.size();
  }
  VOLTA_ASSERT(ticks <= kBlockTicks);
  block->run_row = last.run_row;
  block->last_seq = last.last_seq;
  block->series = last.series;
  block->times_ms.reserve(ticks);
  block->accepted.reserve(ticks);
  for (const auto& part : blocks) {
    block->times_ms.insert(block->times_ms.end(), part->times_ms.begin(), part->times_ms.end());
    block->accepted.insert(block->accepted.end(), part->accepted.begin(), part->accepted.end());
  }
  block->columns.reserve(slots);
  block->data.reserve(2 * bytes);
  BlockValues values{};
  for (Slot slot = 0; slot < slots; ++slot) {
    std::uint64_t present = 0;
    std::size_t tick = 0;
    for (const auto& part : blocks) {
      present |= part->read(slot, std::span(values).subspan(tick)) << tick;
      tick += part->ticks();
    }
    block->columns.push_back(packed(present, values.data(), ticks, block->data));
  }
  finish(*block);
  block->received_ms = last.received_ms;
  return block;
}

std::size_t HeadBlockBuilder::bytes() const { return held(values_) + held(present_); }

void HeadBlockBuilder::add(const DecodedBatch& batch, std::size_t first, std::size_t count,
                           std::int64_t accepted) {
  VOLTA_ASSERT(count <= room() && first + count <= batch.ticks());
  if (batch.slots > present_.size()) {
    present_.reserve(batch.slots);
    values_.reserve(batch.slots * capacity_);
    present_.resize(batch.slots);
    values_.resize(batch.slots * capacity_);
  }
  const std::size_t start = ticks();
  for (Slot slot = 0; slot < batch.slots; ++slot) {
    for (std::size_t tick = 0; tick < count; ++tick) {
      const std::size_t at = batch.at(slot, first + tick);
      if (batch.present[at] == 0) continue;
      values_[slot * capacity_ + start + tick] = batch.values[at];
      present_[slot] |= std::uint64_t{1} << (start + tick);
    }
  }
  for (std::size_t tick = 0; tick < count; ++tick) {
    times_ms_.push_back(batch.times_ms[first + tick]);
    accepted_.push_back(accepted);
  }
}

std::shared_ptr<HeadBlock> HeadBlockBuilder::build(std::int64_t run_row, std::uint64_t last_seq,
                                                   SeriesList series) const {
  VOLTA_ASSERT(ticks() > 0 && series->size() >= present_.size());
  auto block = std::make_shared<HeadBlock>();
  block->run_row = run_row;
  block->last_seq = last_seq;
  block->series = std::move(series);
  block->times_ms = times_ms_;
  block->accepted = accepted_;
  block->columns.reserve(present_.size());
  block->data.reserve(present_.size() * 8);
  for (Slot slot = 0; slot < present_.size(); ++slot) {
    block->columns.push_back(
        packed(present_[slot], &values_[slot * capacity_], ticks(), block->data));
  }
  finish(*block);
  return block;
}

void HeadBlockBuilder::clear() {
  times_ms_.clear();
  accepted_.clear();
  std::fill(present_.begin(), present_.end(), 0);
}

}  // namespace volta
