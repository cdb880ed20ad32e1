// A pack: columns of one host that are written and deleted together, about 64 KiB, one BLOB. It
// holds the time columns that they share, a directory, and the columns, so that one series is read
// by touching the head of the pack and its own bytes. Every byte is under a CRC-32C. FORMAT.md.
//
//   PackWriter writer;                      Pack::open(bytes)  ->  Pack
//   for (...) {                             PackReader reader;
//     writer.add(column, hint);             const PackEntry* entry = pack->find(series);
//     if (writer.full()) save(finish());    reader.doubles(*pack, *entry, column_bytes, scale)
//   }
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "model/series.hpp"
#include "store/column_codec.hpp"

namespace volta {

constexpr std::size_t kPackTargetBytes = 64U << 10U;
// Bounds of every pack, checked when it is opened. The writer keeps them.
constexpr std::size_t kMostPackBytes = 32U << 20U;
constexpr std::size_t kMostPackColumns = 1U << 16U;
constexpr std::size_t kMostPackTicks = 1U << 20U;  // of all its time columns together
// Of one series, on two time columns at most: what must have room in a pack that is not full().
constexpr std::size_t kMostSeriesParts = 16;
// The first bytes of a pack, from which one knows how long its head is.
constexpr std::size_t kPackPrefixBytes = 12;

// A column to be written. `times_ms` is one per tick and strictly rising; columns with the same
// times share them, whichever memory they lie in.
struct PackColumn {
  SeriesId series{};
  std::uint8_t part = 0;  // 0: samples. A tier has several columns a series and numbers them
  ValueType type = ValueType::int64;
  std::span<const std::int64_t> times_ms;
  std::span<const std::uint64_t> raw;     // as long as times_ms
  std::span<const std::uint8_t> present;  // as long as times_ms, or empty: no gaps
};

// One thread at a time; to be kept, as it holds an encoder and buffers.
class PackWriter {
 public:
  // Encodes the column now; the spans are not needed afterwards. Requires !full() before the first
  // part of a series, at most kMostColumnTicks ticks, and no column of the same series and part in
  // this pack.
  void add(const PackColumn& column, ColumnHint& hint);
  // The pack has its size, or one more series might break a bound.
  [[nodiscard]] bool full() const;
  [[nodiscard]] std::size_t columns() const { return entries_.size(); }
  // Values in the columns so far, gaps not counted.
  [[nodiscard]] std::uint64_t samples() const { return samples_; }
  // The pack of what was added, in the order of series and part; the writer is then empty. Not
  // more than kMostPackBytes. Requires columns() > 0.
  [[nodiscard]] Bytes finish();
  // Forgets what was added.
  void clear();

 private:
  struct Entry {
    SeriesId series{};
    std::uint8_t part = 0;
    ValueType type = ValueType::int64;
    std::uint32_t times = 0;
    std::size_t offset = 0;  // in columns_
    std::size_t length = 0;
  };

  std::uint32_t time_column(std::span<const std::int64_t> times_ms);
  void put_head(Bytes& head);

  ColumnEncoder encoder_;
  std::vector<std::vector<std::int64_t>> times_;
  std::size_t ticks_ = 0;
  std::uint64_t samples_ = 0;
  std::vector<Entry> entries_;
  Bytes columns_;
};

// A line of the directory.
struct PackEntry {
  SeriesId series{};
  std::uint8_t part = 0;
  ValueType type = ValueType::int64;
  bool in_head = false;      // a small column that lies in the head
  std::uint32_t times = 0;   // index of its time column
  std::uint32_t offset = 0;  // of the column, from the first byte of the pack
  std::uint32_t length = 0;
  std::uint32_t crc = 0;  // of a column that is not in the head
};

// How many bytes from a pack's beginning Pack::open needs, from its first kPackPrefixBytes.
Result<std::size_t> pack_head_bytes(std::span<const std::byte> prefix);

// An opened pack: its directory, times and small columns. Owns all it shows; immutable, so it may
// be shared between threads and kept in a cache.
class Pack {
 public:
  // `bytes` is the whole pack or its head (pack_head_bytes); `size` that of the whole pack. Checks
  // the head's CRC and that the directory fits it. Of a whole pack the columns' CRCs are checked
  // when they are read.
  static Result<Pack> open(std::span<const std::byte> bytes, std::size_t size);

  // Sorted by series and part.
  [[nodiscard]] std::span<const PackEntry> entries() const { return entries_; }
  // Null if it is not there.
  [[nodiscard]] const PackEntry* find(SeriesId series, std::uint8_t part = 0) const;
  // Strictly rising. Requires an entry of this pack.
  [[nodiscard]] std::span<const std::int64_t> times_ms(const PackEntry& entry) const;
  // First and last tick of all time columns. Requires that there is one.
  [[nodiscard]] std::int64_t min_ms() const { return min_ms_; }
  [[nodiscard]] std::int64_t max_ms() const { return max_ms_; }
  // Bytes in memory.
  [[nodiscard]] std::size_t memory() const;

 private:
  friend class PackReader;
  friend class PackParser;

  std::vector<PackEntry> entries_;
  std::vector<std::uint32_t> first_tick_;  // of each time column in ticks_ms_, and its end
  std::vector<std::int64_t> ticks_ms_;
  Bytes head_;
  std::int64_t min_ms_ = 0;
  std::int64_t max_ms_ = 0;
};

// One series' samples. They live until the reader's next call, and no longer than the pack.
struct RawSamples {
  std::span<const std::int64_t> times_ms;
  std::span<const std::uint64_t> values;
};
struct DoubleSamples {
  std::span<const std::int64_t> times_ms;
  std::span<const double> values;
};

// One thread at a time; to be kept, as it holds a decoder and buffers.
class PackReader {
 public:
  // The entry's bytes wherever they lie, their CRC being right; `column` as below.
  static Result<std::span<const std::byte>> column_of(const Pack& pack, const PackEntry& entry,
                                                      std::span<const std::byte> column);
  // `column` is the entry's bytes, pack[offset, offset + length); it may be left empty where
  // entry.in_head. An Error: the bytes are not what was written.
  Result<RawSamples> raw(const Pack& pack, const PackEntry& entry,
                         std::span<const std::byte> column);
  // Values through to_double(type, scale, raw).
  Result<DoubleSamples> doubles(const Pack& pack, const PackEntry& entry,
                                std::span<const std::byte> column, std::int8_t scale);

 private:
  std::span<const std::int64_t> times_of(const Pack& pack, const PackEntry& entry,
                                         std::span<const std::uint32_t> ticks, std::size_t count);

  ColumnDecoder decoder_;
  std::vector<std::int64_t> times_;
};

// Reads every column of a pack, as `volta store check` does: an Error names the first broken one.
Result<void> check_pack(std::span<const std::byte> bytes);

}  // namespace volta
