#include "store/head_block.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/assert.hpp"

namespace volta {
namespace {

// As the whole table counts, not only what it uses: capacity is what memory pays for.
template <typename T>
std::size_t held(const std::vector<T>& values) {
  return values.capacity() * sizeof(T);
}

std::uint8_t width_of(std::uint64_t distance) {
  if (distance == 0) return 0;
  if (distance <= 0xff) return 1;
  if (distance <= 0xffff) return 2;
  return distance <= 0xffff'ffff ? 4 : 8;
}

static_assert(std::endian::native == std::endian::little, "distances are the low bytes in memory");

}  // namespace

std::size_t HeadBlock::bytes() const {
  return sizeof(HeadBlock) + held(times_ms) + held(accepted) + held(columns) + held(data);
}

std::uint64_t HeadBlock::value(const Column& column, std::size_t tick) const {
  if (column.width == 0) return column.base;
  std::uint64_t distance = 0;
  std::memcpy(&distance, &data[column.offset + tick * column.width], column.width);
  return column.base + distance;
}

std::size_t HeadBlockBuilder::bytes() const { return held(values_) + held(present_); }

void HeadBlockBuilder::add(const DecodedBatch& batch, std::size_t first, std::size_t count,
                           std::int64_t accepted) {
  VOLTA_ASSERT(count <= room() && first + count <= batch.ticks());
  if (batch.slots > present_.size()) {
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

void HeadBlockBuilder::pack(HeadBlock& block, HeadBlock::Column& column,
                            const std::uint64_t* values) const {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t most = 0;
  for (std::uint64_t rest = column.present; rest != 0; rest &= rest - 1) {
    const std::uint64_t value = values[std::countr_zero(rest)];
    least = std::min(least, value);
    most = std::max(most, value);
  }
  if (column.present == 0) return;
  column.base = least;
  column.width = width_of(most - least);
  column.offset = static_cast<std::uint32_t>(block.data.size());
  block.data.resize(block.data.size() + column.width * ticks());
  if (column.width == 0) return;
  for (std::size_t tick = 0; tick < ticks(); ++tick) {
    const bool there = (column.present >> tick & 1U) != 0;
    const std::uint64_t distance = there ? values[tick] - least : 0;
    std::memcpy(&block.data[column.offset + tick * column.width], &distance, column.width);
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
  const auto [least, most] = std::minmax_element(times_ms_.begin(), times_ms_.end());
  block->min_ms = *least;
  block->max_ms = *most;
  block->received_ms = *most;
  block->columns.resize(present_.size());
  for (Slot slot = 0; slot < present_.size(); ++slot) {
    block->columns[slot].present = present_[slot];
    pack(*block, block->columns[slot], &values_[slot * capacity_]);
  }
  block->data.shrink_to_fit();
  return block;
}

void HeadBlockBuilder::clear() {
  times_ms_.clear();
  accepted_.clear();
  std::fill(present_.begin(), present_.end(), 0);
}

}  // namespace volta
