// Samples of many foreign series as one row of the journal: what one write request brought.
//
//   series   varint count, then per series varint (id - id before it; the first: - 0). Ids rise; an
//            id may come twice, then its later place counts as accepted later.
//   payload  u8 1 (version), then one zstd frame with content size and checksum of the body
//   body     varint time columns
//            per column: varint count > 0, zigzag varint (first time - min_ms of the row), then per
//            further time varint (time - time before it - 1)
//            per series, in their order: varint number of its time column
//            the values' words of 8 bytes, series by series: the first is the float64's bits, each
//            further one these XOR those of the value before it; laid out as eight planes, the
//            lowest byte of all words first
//
// Series that were read at the same times, as nearly all of a request are, share a column. The
// planes put exponents beside exponents, where zstd finds what they have in common.
//
// A row is valid if every length fits, nothing is left over, the checksum is right, all times are
// within the row's min_ms and max_ms, and it has at most kMostRowPoints values. A row is committed
// whole or not at all, so a crash leaves none half written; what is damaged later is passed over,
// logged, and named by `volta store check`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/varint.hpp"
#include "model/series.hpp"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace volta {

constexpr std::size_t kMostRowPoints = 16384;

// Immutable once built; shared between the head and those who read.
struct ForeignRow {
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
  std::vector<SeriesId> series;             // rising, not strictly
  std::vector<std::uint32_t> column;        // [place in series] its time column
  std::vector<std::uint32_t> first_value;   // [place, and one more] where its values begin
  std::vector<std::uint32_t> column_first;  // [time column, and one more] where its times begin
  std::vector<std::int64_t> times_ms;
  std::vector<std::uint64_t> values;  // bits of float64

  [[nodiscard]] std::size_t points() const { return values.size(); }
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::span<const std::int64_t> times(std::size_t place) const;
  [[nodiscard]] std::span<const std::uint64_t> bits(std::size_t place) const;
};

// A row being filled.
class ForeignRowBuilder {
 public:
  [[nodiscard]] std::size_t room() const { return kMostRowPoints - row_.points(); }
  [[nodiscard]] bool empty() const { return row_.series.empty(); }
  // Room for so many, if none came yet: rows are kept, and what is not used of them is, too.
  void reserve(std::size_t series, std::size_t points);
  // Series in rising order; times strictly rising, not empty, at most room(), one per value.
  void add(SeriesId series, std::span<const std::int64_t> times_ms, std::span<const double> values);
  // Gives the row away and begins anew. Requires !empty().
  ForeignRow take();

 private:
  std::uint32_t column_of(std::span<const std::int64_t> times_ms);

  ForeignRow row_;
  std::unordered_map<std::uint64_t, std::uint32_t> columns_by_hash_;
};

struct EncodedForeignRow {
  std::shared_ptr<const ForeignRow> row;
  Bytes series;
  Bytes payload;
};

// Keep it for the next row: it holds what zstd needs. One thread.
class ForeignRowCodec {
 public:
  ForeignRowCodec();
  EncodedForeignRow encode(ForeignRow row);
  // Empty: not valid. `row` has min_ms and max_ms; the rest is filled in.
  bool decode(std::span<const std::byte> series, std::span<const std::byte> payload,
              ForeignRow& row);

 private:
  bool read_body(ByteReader& in, ForeignRow& row) const;

  std::unique_ptr<ZSTD_CCtx_s, std::size_t (*)(ZSTD_CCtx_s*)> compressor_;
  std::unique_ptr<ZSTD_DCtx_s, std::size_t (*)(ZSTD_DCtx_s*)> decompressor_;
  Bytes body_;
  Bytes frame_;
};

// False: not valid.
bool decode_series_list(std::span<const std::byte> bytes, std::vector<SeriesId>& series);

}  // namespace volta
