// Up to 64 ticks of one run in memory, a column per slot. Most columns of a node are constant or
// move slowly, so a column is its least value and the distances from it, 0, 1, 2, 4 or 8 bytes
// each: a quarter of the dense form, and any tick can be read without the others.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/batch.hpp"
#include "store/run_table.hpp"

namespace volta {

constexpr std::size_t kBlockTicks = 64;

// Immutable once built; shared between the head and those who read.
struct HeadBlock {
  struct Column {
    std::uint64_t base = 0;
    std::uint64_t present = 0;  // bit t: tick t has a value
    std::uint32_t offset = 0;   // of its distances in `data`, one per tick, present or not
    std::uint8_t width = 0;
  };

  std::int64_t run_row = 0;
  std::uint64_t last_seq = 0;
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
  std::int64_t received_ms = 0;  // by our clock; of a rebuilt block max_ms
  SeriesList series;             // of the slots; may know more of them than the block
  std::vector<std::int64_t> times_ms;
  std::vector<std::int64_t> accepted;
  std::vector<Column> columns;
  std::vector<std::uint8_t> data;

  [[nodiscard]] std::size_t bytes() const;
  // Requires the tick's bit in `present`.
  [[nodiscard]] std::uint64_t value(const Column& column, std::size_t tick) const;
};

// A block being filled.
class HeadBlockBuilder {
 public:
  explicit HeadBlockBuilder(std::size_t capacity = kBlockTicks) : capacity_(capacity) {}

  [[nodiscard]] std::size_t room() const { return capacity_ - ticks(); }
  [[nodiscard]] std::size_t ticks() const { return times_ms_.size(); }
  [[nodiscard]] std::size_t bytes() const;
  // Adds ticks [first, first + count) of the batch. Requires count <= room().
  void add(const DecodedBatch& batch, std::size_t first, std::size_t count, std::int64_t accepted);
  // Requires ticks() > 0.
  [[nodiscard]] std::shared_ptr<HeadBlock> build(std::int64_t run_row, std::uint64_t last_seq,
                                                 SeriesList series) const;
  void clear();

 private:
  void pack(HeadBlock& block, HeadBlock::Column& column, const std::uint64_t* values) const;

  std::size_t capacity_;
  std::vector<std::int64_t> times_ms_;
  std::vector<std::int64_t> accepted_;
  std::vector<std::uint64_t> values_;   // [slot * capacity_ + tick]
  std::vector<std::uint64_t> present_;  // [slot], bit per tick
};

}  // namespace volta
