// What packs have of some series: compressed until a series is shown, so that of all that is read
// one series at a time is in memory, and series with the same times share them.
#pragma once

#include <vector>

#include "store/growing_column.hpp"
#include "store/pack_rows.hpp"

namespace volta {

// What reading needs besides: a decoder, which is dear to make, and memory, which is dear to get
// and to give back for every host of a query.
struct ReadScratch {
  ColumnDecoder decoder;
  Bytes bytes;                         // of the columns that were added
  std::vector<std::int64_t> ticks;     // of the time columns that they stand on
  std::vector<std::int64_t> times_ms;  // of the column that was decoded last
  UnfilledDoubles values;

  [[nodiscard]] std::size_t memory() const {
    return bytes.capacity() + 8 * (ticks.capacity() + times_ms.capacity() + values.capacity());
  }
};

// One thread. Holds the bytes of the columns that were added (less than their values would take),
// each time column that they stand on once, and the values of the column that was decoded last.
class PackedColumns {
 public:
  struct Samples {
    std::span<const std::int64_t> times_ms;
    std::span<const double> values;
    bool rising = true;  // in time
    KnownValues known = {};
  };

  // The scratch is its own for as long as it lives.
  PackedColumns(std::size_t columns, ReadScratch& scratch);

  // Behind what the column has. Packs come in the order of visit_packs. What is broken is reported
  // and left out, here and below.
  void add(std::size_t column, const OpenPack& open, const PackEntry& entry, std::int8_t scale,
           BadPacks& bad);
  // All samples of the column, piece after piece. They live until the next call.
  Samples decode(std::size_t column, BadPacks& bad);
  // What decode() returned last: with these, which are later, behind them.
  Samples extended(const Samples& decoded, const GrowingColumn& later);
  // Of the column that was decoded last: with the number by which they were accepted.
  [[nodiscard]] GrowingColumn mixed() const;

 private:
  struct Piece {
    std::size_t offset = 0;  // in bytes
    std::uint32_t length = 0;
    std::uint32_t row = 0;    // in rows_
    std::uint32_t times = 0;  // in times_
    SeriesId series{};
    ValueType type = ValueType::int64;
    std::int8_t scale = 0;
  };
  struct Times {
    std::size_t first = 0;  // in ticks
    std::size_t count = 0;
  };

  std::uint32_t times_index(const OpenPack& open, const PackEntry& entry);
  [[nodiscard]] std::span<const std::int64_t> ticks_of(std::uint32_t times) const {
    return std::span(scratch_.ticks).subspan(times_[times].first, times_[times].count);
  }
  void add_times(std::size_t place, const Piece& piece, std::size_t count,
                 std::span<const std::uint32_t> ticks);
  void keep_shown(std::size_t pieces);

  ReadScratch& scratch_;
  std::vector<std::vector<Piece>> pieces_;  // by column
  std::vector<PackRow> rows_;
  std::vector<Times> times_;
  // What times_index() found last.
  std::int64_t known_row_ = 0;
  std::uint32_t known_entry_times_ = 0;
  std::uint32_t known_times_ = 0;
  std::int64_t known_end_ms_ = 0;
  std::size_t first_of_end_ = 0;  // in times_

  // The column that was decoded last.
  std::size_t column_ = 0;
  // times_ms begins with all ticks of these: of the pieces that have no gap, up to the first that
  // has one.
  std::vector<std::uint32_t> shown_;
  std::size_t shown_ticks_ = 0;
  std::vector<std::size_t> counts_;  // of each piece
};

}  // namespace volta
