#include <algorithm>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "store/pack.hpp"
#include "store/pack_layout.hpp"
#include "store/time_column.hpp"

namespace volta {
namespace {

// What a line of the directory takes at most: series, flags, part, time column, length, CRC.
constexpr std::size_t kLongestLine = 5 + 1 + 1 + 5 + 5 + 4;
// What a time takes at most in its column.
constexpr std::size_t kLongestTime = 12;

void append(Bytes& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

// The index of these times, which are few: a host has one grid of ticks, and a series that came
// late or by another way has one of its own.
std::uint32_t PackWriter::time_column(std::span<const std::int64_t> times_ms) {
  for (std::size_t i = times_.size(); i-- > 0;) {
    if (std::equal(times_[i].begin(), times_[i].end(), times_ms.begin(), times_ms.end()))
      return static_cast<std::uint32_t>(i);
  }
  times_.emplace_back(times_ms.begin(), times_ms.end());
  ticks_ += times_ms.size();
  return static_cast<std::uint32_t>(times_.size() - 1);
}

void PackWriter::add(const PackColumn& column, ColumnHint& hint) {
  VOLTA_ASSERT(column.raw.size() == column.times_ms.size());
  VOLTA_ASSERT(entries_.size() < kMostPackColumns &&
               ticks_ + column.times_ms.size() <= kMostPackTicks);
  Entry entry;
  entry.series = column.series;
  entry.part = column.part;
  entry.type = column.type;
  entry.times = time_column(column.times_ms);
  entry.offset = columns_.size();
  encoder_.encode({column.type, column.raw, column.present}, hint, columns_);
  entry.length = columns_.size() - entry.offset;
  entries_.push_back(entry);
  const auto gaps = std::count(column.present.begin(), column.present.end(), std::uint8_t{0});
  samples_ += column.raw.size() - static_cast<std::size_t>(gaps);
}

bool PackWriter::full() const {
  return columns_.size() + entries_.size() * 4 >= kPackTargetBytes ||
         entries_.size() + kMostSeriesParts > kMostPackColumns ||
         ticks_ + 2 * kMostColumnTicks > kMostPackTicks;
}

void PackWriter::put_head(Bytes& head) {
  put_varint(head, times_.size());
  TimeColumnEncoder encoder;
  Bytes one;
  for (const auto& times : times_) {
    one.clear();
    encoder.encode(times, one);
    put_varint(head, one.size());
    append(head, one);
  }
  put_varint(head, entries_.size());
  std::uint32_t series = 0;
  std::uint32_t times = 0;
  for (const auto& entry : entries_) {
    const auto bytes = std::span(columns_).subspan(entry.offset, entry.length);
    put_varint(head, static_cast<std::uint32_t>(entry.series) - series);
    head.push_back(static_cast<std::byte>(static_cast<unsigned>(entry.type) |
                                          (entry.part != 0 ? kPartBit : 0U) |
                                          (entry.times != times ? kTimesBit : 0U)));
    if (entry.part != 0) head.push_back(static_cast<std::byte>(entry.part));
    if (entry.times != times) put_varint(head, entry.times);
    put_varint(head, entry.length);
    if (entry.length > kSmallColumn) put_u32(head, crc32c(bytes));
    series = static_cast<std::uint32_t>(entry.series);
    times = entry.times;
  }
  for (const auto& entry : entries_) {
    if (entry.length <= kSmallColumn)
      append(head, std::span(columns_).subspan(entry.offset, entry.length));
  }
}

Bytes PackWriter::finish() {
  VOLTA_ASSERT(!entries_.empty());
  const auto key = [](const Entry& entry) { return std::pair(entry.series, entry.part); };
  std::sort(entries_.begin(), entries_.end(),
            [&](const Entry& a, const Entry& b) { return key(a) < key(b); });
  VOLTA_ASSERT(
      std::adjacent_find(entries_.begin(), entries_.end(), [&](const Entry& a, const Entry& b) {
        return key(a) == key(b);
      }) == entries_.end());
  Bytes head;
  head.reserve(columns_.size());
  put_head(head);
  Bytes pack;
  pack.reserve(kPackPrefixBytes + head.size() + columns_.size());
  append(pack, kPackMagic);
  put_u32(pack, static_cast<std::uint32_t>(head.size()));
  const std::uint32_t length_crc = crc32c(std::span(pack).last(4));
  put_u32(pack, crc32c(head, length_crc));
  append(pack, head);
  for (const auto& entry : entries_) {
    if (entry.length > kSmallColumn)
      append(pack, std::span(columns_).subspan(entry.offset, entry.length));
  }
  static_assert(kPackTargetBytes + kMostColumnBytes + kMostPackColumns * kLongestLine +
                    kMostPackTicks * kLongestTime <=
                kMostPackBytes);
  clear();
  return pack;
}

void PackWriter::clear() {
  times_.clear();
  ticks_ = 0;
  samples_ = 0;
  entries_.clear();
  columns_.clear();
}

}  // namespace volta
