// Up to 64 ticks of one run in memory, a column per slot. Most columns of a node are constant or
// move slowly, so a column is its least value and the distances from it, of as many bits as the
// longest needs: half a byte per sample, and a column is read without the others.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/batch.hpp"
#include "store/run_table.hpp"

namespace volta {

constexpr std::size_t kBlockTicks = 64;

// Immutable once it is in the head; shared between the head and those who read.
struct HeadBlock {
  enum class Presence : std::uint8_t { none, all, some };
  // In `data`: of `some`, which ticks have a value (8 bytes, bit t: tick t); then of each value its
  // distance from the least, without the `shift` low bits that no distance has.
  struct Column {
    std::uint64_t base = 0;
    std::uint32_t offset = 0;  // in `data`
    Presence presence = Presence::none;
    std::uint8_t width = 0;  // bits of a distance
    std::uint8_t shift = 0;
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
  Bytes data;

  [[nodiscard]] std::size_t ticks() const { return times_ms.size(); }
  [[nodiscard]] std::size_t bytes() const;
  // The values of a slot by tick, untouched where it has none; answers which ticks have one, bit t
  // for tick t. None for a slot that the block does not know. Requires values.size() >= ticks().
  [[nodiscard]] std::uint64_t read(Slot slot, std::span<std::uint64_t> values) const;
};

// Ticks [first, first + count) of the batch as a block by themselves. Requires count <= 64.
std::shared_ptr<HeadBlock> block_of(const DecodedBatch& batch, std::size_t first, std::size_t count,
                                    std::int64_t accepted);

// The ticks of all of them, one block after the other; they are of one run and in its order.
// Requires one at least, and 64 ticks at most.
std::shared_ptr<HeadBlock> joined(std::span<const std::shared_ptr<const HeadBlock>> blocks);

// A block being filled: 8 bytes per slot and tick of its capacity.
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
  std::size_t capacity_;
  std::vector<std::int64_t> times_ms_;
  std::vector<std::int64_t> accepted_;
  std::vector<std::uint64_t> values_;   // [slot * capacity_ + tick]
  std::vector<std::uint64_t> present_;  // [slot], bit per tick
};

}  // namespace volta
