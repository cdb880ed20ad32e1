// Windows of the tiers as columns of a pack. A series has a column per thing that a window says, as
// a part of its own, and only those in which something stands that the others do not tell already:
//
//   part  what                            written as                               times
//   1     first                           from the last value of the window before  first_ms
//   2     count                           as it is                                  last_ms
//   3     last                            last - first                              last_ms
//   4     min                             min(first, last) - min                    last_ms
//   5     max                             max - max(first, last)                    last_ms
//   6     increase, of counters           increase - (last - first)                 last_ms
//   7     sum                             from what a straight line would add to    last_ms
//   8     ends_stale                      0 or 1                                    last_ms
//
// A part that would hold only zeros is left out; a part 7 of type float64 is the sum itself. Where
// all values of a series are integers below 2^53, the parts are of type int64 and wrap; else all
// parts with values are of type float64 and hold the values themselves, and one that is left out is
// what its column's "written as" gives for zero. A window's end follows from last_ms. Values are in
// the raw domain: integers as the agent sent them, before the series' scale. A window of count 0
// says that what older packs have for its end is void (store/window_merge.hpp).
#pragma once

#include <array>
#include <memory>

#include "store/pack_rows.hpp"

namespace volta {

// The hints of one series' parts.
using TierHints = std::array<ColumnHint, 9>;

// Requires !writer.full() and at least one window.
void add_tier_columns(PackWriter& writer, TierHints& hints, SeriesId series, Kind kind,
                      const WindowColumn& windows);

// Reads series after series into the same memory: a query over many series asks for thousands.
class TierColumnsReader {
 public:
  // Outlived by the pack reader.
  TierColumnsReader(PackReader& reader, std::int64_t step_ms, const WindowFields& fields = {});
  ~TierColumnsReader();
  TierColumnsReader(const TierColumnsReader&) = delete;
  TierColumnsReader& operator=(const TierColumnsReader&) = delete;
  TierColumnsReader(TierColumnsReader&&) = delete;
  TierColumnsReader& operator=(TierColumnsReader&&) = delete;

  // False: problem() says in what the bytes are not what was written. After true, windows() has
  // those of the series in the raw domain, until the next read; none: the pack has none.
  // `increase` is NaN where it was not kept, which is the case for gauges; fields that are not
  // wanted hold anything.
  [[nodiscard]] bool read(const OpenPack& open, SeriesId series);
  [[nodiscard]] const WindowColumn& windows() const;
  [[nodiscard]] WindowColumn take();
  [[nodiscard]] Error problem() const;

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

// One series, with memory of its own.
Result<WindowColumn> read_tier_columns(PackReader& reader, const OpenPack& open, SeriesId series,
                                       std::int64_t step_ms, const WindowFields& fields = {});

// Whether the series' windows were written as those of a counter.
Kind kind_of_tier_columns(const Pack& pack, SeriesId series);

// From the raw domain into the series' unit, the wanted fields.
void scale_windows(WindowColumn& windows, ValueType type, std::int8_t scale,
                   const WindowFields& fields = {});

}  // namespace volta
