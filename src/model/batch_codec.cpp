// The payload of a batch.
//
//   payload  u8 form: 0 plain follows, 1 one zstd frame of it follows (with its content size)
//   plain    varint ticks, then per tick zigzag varint (time - time before it; the first: time -
//            first_ms)
//            varint slots
//            2 bits per slot, four to a byte, low bits first: the column's kind
//            the columns' bodies in slot order
//   kind 0   steady: every tick has the reference value; no body
//   kind 1   full: per tick zigzag varint (value - value before it; the first: value - reference)
//   kind 2   sparse: ceil(ticks/8) bytes of presence bits, then as kind 1 for those present
//   kind 3   absent at every tick; no body
//
// The reference of a slot is its last value in the keyframe, and 0 in a keyframe itself or where
// the keyframe has none. Differences wrap around in 64 bits, so every value of every type comes
// back bit by bit. A payload is valid if every length fits, nothing is left over, and slots, points
// and bytes stay within the limits of batch.hpp. There is no checksum: TCP, TLS and SQLite's
// transactions guard it on its way.
#include <algorithm>

#include <zstd.h>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "model/batch.hpp"

namespace volta {
namespace {

enum class ColumnKind : std::uint8_t { steady = 0, full = 1, sparse = 2, absent = 3 };
constexpr std::byte kPlain{0};
constexpr std::byte kZstd{1};
// What one batch may inflate to: 10 bytes of varint a point at worst, presence bits and kinds
// beside it.
constexpr std::size_t kLargestPlainBytes = 4U << 20U;
// Level 3 is zstd's default; 9 to 19 gain less than 3 % on node data (reference/storage.md 2.2).
constexpr int kZstdLevel = 3;

// Times may be anything that a broken clock shows.
std::int64_t wrapping_difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::uint64_t reference(const KeyValues& key, Slot slot, bool keyframe) {
  return keyframe || slot >= key.size() ? 0 : key[slot];
}

ColumnKind kind_of(const DecodedBatch& batch, Slot slot, std::uint64_t base) {
  const auto first = batch.present.begin() + static_cast<std::ptrdiff_t>(batch.at(slot, 0));
  const auto last = first + static_cast<std::ptrdiff_t>(batch.ticks());
  const auto there = std::count(first, last, std::uint8_t{1});
  if (there == 0) return ColumnKind::absent;
  if (there != last - first) return ColumnKind::sparse;
  const auto* values = &batch.values[batch.at(slot, 0)];
  const bool steady = std::all_of(values, values + batch.ticks(),
                                  [&](std::uint64_t value) { return value == base; });
  return steady ? ColumnKind::steady : ColumnKind::full;
}

void write_body(Bytes& out, const DecodedBatch& batch, Slot slot, ColumnKind kind,
                std::uint64_t before) {
  const std::size_t ticks = batch.ticks();
  if (kind == ColumnKind::sparse) {
    const std::size_t start = out.size();
    out.resize(start + (ticks + 7) / 8);
    for (std::size_t tick = 0; tick < ticks; ++tick) {
      if (batch.present[batch.at(slot, tick)] != 0) {
        out[start + tick / 8] |= std::byte{1} << static_cast<unsigned>(tick % 8);
      }
    }
  }
  for (std::size_t tick = 0; tick < ticks; ++tick) {
    if (batch.present[batch.at(slot, tick)] == 0) continue;
    const std::uint64_t value = batch.values[batch.at(slot, tick)];
    put_varint(out, zigzag(static_cast<std::int64_t>(value - before)));
    before = value;
  }
}

// False if the body is broken.
bool read_body(ByteReader& in, DecodedBatch& batch, Slot slot, ColumnKind kind,
               std::uint64_t before) {
  const std::size_t ticks = batch.ticks();
  const auto bits =
      kind == ColumnKind::sparse ? in.take((ticks + 7) / 8) : std::span<const std::byte>();
  if (in.failed()) return false;
  for (std::size_t tick = 0; tick < ticks; ++tick) {
    const bool there =
        kind != ColumnKind::sparse ||
        (bits[tick / 8] >> static_cast<unsigned>(tick % 8) & std::byte{1}) != std::byte{0};
    if (!there) continue;
    if (kind != ColumnKind::steady) before += static_cast<std::uint64_t>(unzigzag(in.varint()));
    batch.values[batch.at(slot, tick)] = before;
    batch.present[batch.at(slot, tick)] = 1;
  }
  return !in.failed();
}

// False: the frame is not one zstd frame of a permitted size.
bool inflate(ZSTD_DCtx* decompressor, std::span<const std::byte> payload, Bytes& plain) {
  const unsigned long long size = ZSTD_getFrameContentSize(payload.data(), payload.size());
  if (size > kLargestPlainBytes) return false;  // also ZSTD_CONTENTSIZE_UNKNOWN and _ERROR
  plain.resize(static_cast<std::size_t>(size));
  const std::size_t got =
      ZSTD_decompressDCtx(decompressor, plain.data(), plain.size(), payload.data(), payload.size());
  return ZSTD_isError(got) == 0 && got == plain.size();
}

// False if the times or the size of the matrix are broken.
bool read_shape(const EncodedBatch& batch, ByteReader& in, DecodedBatch& out) {
  const std::uint64_t ticks = in.varint();
  if (ticks == 0 || ticks > kMostBatchPoints || ticks > in.left()) return false;
  auto time = static_cast<std::uint64_t>(batch.first_ms);
  out.times_ms.clear();
  for (std::uint64_t tick = 0; tick < ticks; ++tick) {
    time += static_cast<std::uint64_t>(unzigzag(in.varint()));
    out.times_ms.push_back(static_cast<std::int64_t>(time));
  }
  const std::uint64_t slots = in.varint();
  if (in.failed() || slots != batch.slots || slots > kMostSlots) return false;
  if (slots * ticks > std::uint64_t{kMostSlots} * 16) return false;  // the matrix: 1.6 M cells
  out.slots = static_cast<std::uint32_t>(slots);
  out.values.resize(slots * ticks);
  out.present.assign(slots * ticks, 0);
  return true;
}

bool read_plain(const EncodedBatch& batch, std::span<const std::byte> plain, const KeyValues& key,
                DecodedBatch& out) {
  ByteReader in(plain);
  if (!read_shape(batch, in, out)) return false;
  const auto kinds = in.take((std::size_t{out.slots} + 3) / 4);
  if (in.failed()) return false;
  const bool keyframe = batch.key_seq == batch.seq;
  for (Slot slot = 0; slot < out.slots; ++slot) {
    const auto kind =
        static_cast<ColumnKind>(static_cast<unsigned>(kinds[slot / 4]) >> (slot % 4 * 2) & 3U);
    if (kind == ColumnKind::absent) continue;
    if (!read_body(in, out, slot, kind, reference(key, slot, keyframe))) return false;
  }
  if (in.left() != 0) return false;
  const auto points = std::count(out.present.begin(), out.present.end(), std::uint8_t{1});
  return static_cast<std::size_t>(points) <= kMostBatchPoints &&
         static_cast<std::uint64_t>(points) == batch.points;
}

}  // namespace

BatchEncoder::BatchEncoder(std::uint64_t last_seq)
    : seq_(last_seq), compressor_(ZSTD_createCCtx(), ZSTD_freeCCtx) {
  VOLTA_ASSERT(compressor_ != nullptr);
}

void BatchEncoder::add(std::int64_t time_ms, std::span<const Reading> readings) {
  open_.times_ms.push_back(time_ms);
  readings_.insert(readings_.end(), readings.begin(), readings.end());
  tick_ends_.push_back(readings_.size());
}

// Lays the collected readings out as the dense matrix. A slot set twice in a tick keeps the later
// value.
void BatchEncoder::spread(std::uint32_t slots) {
  open_.slots = slots;
  open_.values.assign(slots * open_.ticks(), 0);
  open_.present.assign(slots * open_.ticks(), 0);
  std::size_t next = 0;
  for (std::size_t tick = 0; tick < open_.ticks(); ++tick) {
    for (; next < tick_ends_[tick]; ++next) {
      const Reading& reading = readings_[next];
      VOLTA_ASSERT(reading.slot < slots);
      open_.values[open_.at(reading.slot, tick)] = reading.raw;
      open_.present[open_.at(reading.slot, tick)] = 1;
    }
  }
}

void BatchEncoder::write_columns(std::uint32_t slots, bool keyframe) {
  const std::size_t kinds_at = plain_.size();
  plain_.resize(kinds_at + (slots + 3) / 4);
  for (Slot slot = 0; slot < slots; ++slot) {
    const std::uint64_t base = reference(key_, slot, keyframe);
    const ColumnKind kind = kind_of(open_, slot, base);
    plain_[kinds_at + slot / 4] |=
        static_cast<std::byte>(static_cast<unsigned>(kind) << (slot % 4 * 2));
    if (kind == ColumnKind::full || kind == ColumnKind::sparse) {
      write_body(plain_, open_, slot, kind, base);
    }
  }
}

EncodedBatch BatchEncoder::finish(std::uint32_t slots) {
  VOLTA_ASSERT(ticks() > 0);
  spread(slots);
  EncodedBatch out;
  out.seq = ++seq_;
  out.slots = slots;
  out.first_ms = open_.times_ms.front();
  out.last_ms = open_.times_ms.back();
  out.points = static_cast<std::uint32_t>(
      std::count(open_.present.begin(), open_.present.end(), std::uint8_t{1}));
  const bool keyframe = key_seq_ == 0 || slots > key_.size() || out.first_ms < key_ms_ ||
                        wrapping_difference(out.first_ms, key_ms_) >= kKeyframeSpanMs;
  plain_.clear();
  put_varint(plain_, ticks());
  std::int64_t before = out.first_ms;
  for (const std::int64_t time : open_.times_ms) {
    put_varint(plain_, zigzag(wrapping_difference(time, before)));
    before = time;
  }
  put_varint(plain_, slots);
  write_columns(slots, keyframe);
  if (keyframe) {
    key_seq_ = out.seq;
    key_ms_ = out.first_ms;
    key_ = key_values(open_);
  }
  out.key_seq = key_seq_;

  out.payload.resize(1 + ZSTD_compressBound(plain_.size()));
  const std::size_t packed =
      ZSTD_compressCCtx(compressor_.get(), out.payload.data() + 1, out.payload.size() - 1,
                        plain_.data(), plain_.size(), kZstdLevel);
  if (ZSTD_isError(packed) == 0 && packed < plain_.size()) {
    out.payload[0] = kZstd;
    out.payload.resize(1 + packed);
  } else {
    out.payload[0] = kPlain;
    std::copy(plain_.begin(), plain_.end(), out.payload.begin() + 1);
    out.payload.resize(1 + plain_.size());
  }
  out.payload.shrink_to_fit();
  open_.times_ms.clear();
  tick_ends_.clear();
  readings_.clear();
  return out;
}

BatchDecoder::BatchDecoder() : decompressor_(ZSTD_createDCtx(), ZSTD_freeDCtx) {
  VOLTA_ASSERT(decompressor_ != nullptr);
}

Result<const DecodedBatch*> BatchDecoder::decode(const EncodedBatch& batch, const KeyValues& key) {
  if (batch.payload.empty() || batch.payload.size() > kLargestBatchBytes) {
    return Error{"the batch's payload is empty or larger than 4 MiB"};
  }
  std::span<const std::byte> plain = std::span(batch.payload).subspan(1);
  if (batch.payload[0] == kZstd) {
    if (!inflate(decompressor_.get(), plain, plain_)) {
      return Error{"the batch's payload is not one zstd frame of a permitted size"};
    }
    plain = plain_;
  } else if (batch.payload[0] != kPlain) {
    return Error{"the batch's payload has an unknown form"};
  }
  if (!read_plain(batch, plain, key, decoded_)) return Error{"the batch's columns are malformed"};
  return &decoded_;
}

Result<DecodedBatch> decode_batch(const EncodedBatch& batch, const KeyValues& key) {
  BatchDecoder decoder;
  const auto decoded = decoder.decode(batch, key);
  if (!decoded) return decoded.error();
  return decoder.take();
}

KeyValues key_values(const DecodedBatch& keyframe) {
  KeyValues key(keyframe.slots);
  for (Slot slot = 0; slot < keyframe.slots; ++slot) {
    for (std::size_t tick = keyframe.ticks(); tick-- > 0;) {
      if (keyframe.present[keyframe.at(slot, tick)] == 0) continue;
      key[slot] = keyframe.values[keyframe.at(slot, tick)];
      break;
    }
  }
  return key;
}

}  // namespace volta
