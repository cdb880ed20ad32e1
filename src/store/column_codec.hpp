// One column: the values of one series in one window, in as few bytes as they need and bit by bit.
// FORMAT.md in this folder gives the bytes. Values are 64 raw bits that are read as their type
// says; the codec keeps bits, so NaN payloads, stale markers and -0 come back as they were.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/varint.hpp"
#include "model/metric.hpp"
#include "model/time_series.hpp"

namespace volta {

// Three days of seconds. A column has at most as many ticks, and hence 2 MiB of values in memory.
constexpr std::size_t kMostColumnTicks = 1U << 18U;
// No column needs more bytes, whatever is in it: 10 a value and 10 for each run of a gap.
constexpr std::size_t kMostColumnBytes = 24 * kMostColumnTicks;

// What is to be encoded. `raw` and `present` have an entry per tick of the window's time column;
// where present is 0, raw is not looked at. Without gaps `present` may be left empty.
struct ColumnView {
  ValueType type = ValueType::int64;
  std::span<const std::uint64_t> raw;
  std::span<const std::uint8_t> present;
};

// What suited a series' last column, so that the next one need not be tried in every way. Lives
// with the series (in memory; it is worth nothing after a restart); a fresh one costs time, not
// bytes. May be of another type than the column: it is only ever a guess.
struct ColumnHint {
  std::uint8_t mode = 0;  // how foreign floats become integers; FORMAT.md
  std::uint8_t exponent = 0;
  std::uint8_t shape = 0;  // order and sign of the differences
  std::uint8_t stage = 0;
  std::uint8_t age = 0;     // columns until everything is tried again; 0: now
  std::uint8_t length = 0;  // of the column where it was tried, as a power of two
};

// One thread at a time. Keeps its buffers and zstd contexts (about 1 MiB) from column to column.
class ColumnEncoder {
 public:
  ColumnEncoder();
  ~ColumnEncoder();
  ColumnEncoder(ColumnEncoder&&) noexcept;
  ColumnEncoder& operator=(ColumnEncoder&&) noexcept;

  // Appends the column's bytes, at most kMostColumnBytes. Requires at most kMostColumnTicks ticks
  // and `present` empty or as long as `raw`. No ticks at all is a column too.
  void encode(const ColumnView& column, ColumnHint& hint, Bytes& out);

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

// Doubles that are as memory held them until they are written: what a decoder fills whole need not
// be zero before.
template <typename T>
struct UnfilledAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {  // NOLINT(readability-identifier-naming): std's name
    using other = UnfilledAllocator<U>;
  };
  template <typename U>
  void construct(U* place) noexcept {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* place, Arguments&&... arguments) {
    ::new (static_cast<void*>(place)) U(std::forward<Arguments>(arguments)...);
  }
};
using UnfilledDoubles = std::vector<double, UnfilledAllocator<double>>;

// Values in the order of the ticks that have one: values[i] is that of tick ticks[i]. `ticks` is
// empty where every tick has a value, and where none has.
struct DecodedColumn {
  std::span<const std::uint64_t> values;
  std::span<const std::uint32_t> ticks;
};
struct DecodedDoubles {
  std::span<const double> values;
  std::span<const std::uint32_t> ticks;
};
struct AppendedDoubles {
  std::span<const std::uint32_t> ticks;
  KnownValues known;  // of the values that were appended
};

// One thread at a time. What it returns lives until the next call and as long as the decoder.
class ColumnDecoder {
 public:
  ColumnDecoder();
  ~ColumnDecoder();
  ColumnDecoder(ColumnDecoder&&) noexcept;
  ColumnDecoder& operator=(ColumnDecoder&&) noexcept;

  // `bytes` is exactly one column, `ticks` the length of its time column. Any bytes may come: what
  // is no valid column is an Error. Memory: 56 bytes a tick at most, kept for the next column.
  Result<DecodedColumn> decode(std::span<const std::byte> bytes, ValueType type, std::size_t ticks);
  // The same through to_double(type, scale, raw): each value is what that function gives.
  Result<DecodedDoubles> decode_doubles(std::span<const std::byte> bytes, ValueType type,
                                        std::int8_t scale, std::size_t ticks);
  // The same values at the end of `out`; after an Error `out` is as it was.
  Result<AppendedDoubles> append_doubles(std::span<const std::byte> bytes, ValueType type,
                                         std::int8_t scale, std::size_t ticks,
                                         UnfilledDoubles& out);

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

}  // namespace volta
