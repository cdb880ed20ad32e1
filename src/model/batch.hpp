// Batches: what travels from agent to server and lies in the journal.
//
// A batch holds a few consecutive ticks of one run of one agent, column by column. It is either a
// keyframe, readable by itself, or it counts from one keyframe of the same run, named by its
// sequence number, and needs nothing else. So any batch may be lost without harm to the others,
// except a keyframe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/varint.hpp"
#include "model/tick.hpp"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace volta {

// Chosen at random by each start of an agent (and at each clone or rollback it notices).
using RunId = std::array<std::uint8_t, 16>;

// Limits on one batch, checked on both sides (reference: promise P9).
constexpr std::size_t kLargestBatchBytes = 4U << 20U;
constexpr std::size_t kMostBatchPoints = 50'000;
constexpr std::uint32_t kMostSlots = 100'000;
// A new keyframe after this span of sample time, or when the layout grew.
constexpr std::int64_t kKeyframeSpanMs = 600'000;

struct EncodedBatch {
  std::uint64_t seq = 0;      // 1, 2, 3 ... within the run
  std::uint64_t key_seq = 0;  // the keyframe it counts from; its own seq: it is one
  std::uint32_t slots = 0;    // how many series of the layout it knows of
  std::int64_t first_ms = 0;  // time of its first and last tick
  std::int64_t last_ms = 0;
  std::uint32_t points = 0;  // values inside, gaps not counted
  Bytes payload;             // format: see batch_codec.cpp
};

// Dense and slot-major: value of slot s at tick t stands at [s * ticks + t].
struct DecodedBatch {
  std::vector<std::int64_t> times_ms;  // not necessarily rising: the wall clock may have jumped
  std::uint32_t slots = 0;
  std::vector<std::uint64_t> values;  // undefined where absent
  std::vector<std::uint8_t> present;  // 1 or 0, same index

  [[nodiscard]] std::size_t ticks() const { return times_ms.size(); }
  [[nodiscard]] std::size_t at(Slot slot, std::size_t tick) const { return slot * ticks() + tick; }
};

// The values that later batches count from: each slot's last value in the keyframe, 0 where it had
// none.
using KeyValues = std::vector<std::uint64_t>;

// The agent's side. One run, one thread. Allocates only the payload once warm.
class BatchEncoder {
 public:
  // Its batches are numbered from `last_seq` + 1 on.
  explicit BatchEncoder(std::uint64_t last_seq = 0);

  // Adds a tick to the batch being built.
  void add(std::int64_t time_ms, std::span<const Reading> readings);
  [[nodiscard]] std::size_t ticks() const { return open_.ticks(); }
  [[nodiscard]] std::size_t points() const { return readings_.size(); }
  // Encodes and forgets the ticks added. Requires ticks() > 0. `slots` is the layout's size now.
  EncodedBatch finish(std::uint32_t slots);
  // What finish() will give the batch being built.
  [[nodiscard]] std::uint64_t next_seq() const { return seq_ + 1; }
  // Makes the next batch a keyframe.
  void force_keyframe() { key_seq_ = 0; }

 private:
  void spread(std::uint32_t slots);
  void write_columns(std::uint32_t slots, bool keyframe);

  std::uint64_t seq_ = 0;
  std::uint64_t key_seq_ = 0;  // 0: the next batch is a keyframe
  std::int64_t key_ms_ = 0;
  KeyValues key_;
  DecodedBatch open_;                   // times as they come; the matrix only in finish()
  std::vector<std::size_t> tick_ends_;  // readings_ of tick t end here
  std::vector<Reading> readings_;
  Bytes plain_;  // scratch, kept for its capacity
  std::unique_ptr<ZSTD_CCtx_s, std::size_t (*)(ZSTD_CCtx_s*)> compressor_;
};

// Decodes one batch. `key`: the values of its keyframe, ignored if it is one. Every length is
// checked before it is believed.
Result<DecodedBatch> decode_batch(const EncodedBatch& batch, const KeyValues& key);

// The same for many batches in a row. Allocates nothing once warm. One thread.
class BatchDecoder {
 public:
  BatchDecoder();
  // The batch stays as it is until the next call.
  Result<const DecodedBatch*> decode(const EncodedBatch& batch, const KeyValues& key);
  // The last batch, given away.
  DecodedBatch take() { return std::move(decoded_); }

 private:
  std::unique_ptr<ZSTD_DCtx_s, std::size_t (*)(ZSTD_DCtx_s*)> decompressor_;
  Bytes plain_;
  DecodedBatch decoded_;
};

// The reference values that batches based on `keyframe` need.
KeyValues key_values(const DecodedBatch& keyframe);

}  // namespace volta
