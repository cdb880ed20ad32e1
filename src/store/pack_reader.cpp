#include <algorithm>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "store/pack.hpp"
#include "store/pack_layout.hpp"
#include "store/time_column.hpp"

namespace volta {
namespace {

Error broken_pack(const char* why) {
  return Error{std::string("a pack of the store is broken: ") + why};
}

std::pair<SeriesId, std::uint8_t> key_of(const PackEntry& entry) {
  return {entry.series, entry.part};
}

}  // namespace

// Builds a Pack from a head whose CRC was right. Each step: null or what is wrong.
class PackParser {
 public:
  PackParser(Pack& pack, std::size_t size) : pack_(pack), in_(pack.head_), size_(size) {}

  const char* parse() {
    if (const char* why = time_columns()) return why;
    if (const char* why = directory()) return why;
    return places();
  }

 private:
  const char* time_columns();
  const char* directory();
  const char* line(PackEntry& entry, const PackEntry& before);
  const char* places();

  Pack& pack_;
  ByteReader in_;
  std::size_t size_;
};

const char* PackParser::time_columns() {
  const auto count = in_.varint();
  if (in_.failed() || count > in_.left()) return "its time columns do not fit";
  TimeColumnDecoder decoder;
  pack_.first_tick_.push_back(0);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto length = in_.varint();
    if (in_.failed() || length > in_.left()) return "a time column does not fit";
    const std::size_t room = std::min(kMostColumnTicks, kMostPackTicks - pack_.ticks_ms_.size());
    if (!decoder.decode(in_.take(static_cast<std::size_t>(length)), room, pack_.ticks_ms_))
      return "a time column is none";
    const std::size_t first = pack_.first_tick_.back();
    pack_.first_tick_.push_back(static_cast<std::uint32_t>(pack_.ticks_ms_.size()));
    if (first == pack_.ticks_ms_.size()) continue;
    const bool only = first == 0;
    pack_.min_ms_ = only ? pack_.ticks_ms_[first] : std::min(pack_.min_ms_, pack_.ticks_ms_[first]);
    pack_.max_ms_ = only ? pack_.ticks_ms_.back() : std::max(pack_.max_ms_, pack_.ticks_ms_.back());
  }
  return nullptr;
}

const char* PackParser::line(PackEntry& entry, const PackEntry& before) {
  const auto distance = in_.varint();
  const auto flag_byte = in_.take(1);
  if (in_.failed()) return "its directory is cut off";
  const std::uint64_t series = static_cast<std::uint32_t>(before.series) + distance;
  const auto flags = static_cast<unsigned>(flag_byte[0]);
  if (distance > 0xffff'ffffU || series > 0xffff'ffffU || flags >= 2 * kTimesBit ||
      (flags & kTypeMask) > static_cast<unsigned>(ValueType::float64))
    return "its directory has an unknown line";
  entry.series = SeriesId{static_cast<std::uint32_t>(series)};
  entry.type = static_cast<ValueType>(flags & kTypeMask);
  entry.times = before.times;
  if ((flags & kPartBit) != 0) {
    const auto part = in_.take(1);
    if (in_.failed()) return "its directory is cut off";
    entry.part = static_cast<std::uint8_t>(part[0]);
  }
  if ((flags & kTimesBit) != 0) {
    const auto times = in_.varint();
    if (times >= pack_.first_tick_.size()) return "its directory points at no time column";
    entry.times = static_cast<std::uint32_t>(times);
  }
  if (entry.times + 1 >= pack_.first_tick_.size()) return "its directory points at no time column";
  const auto length = in_.varint();
  if (length > kMostColumnBytes) return "a column is too long";
  entry.length = static_cast<std::uint32_t>(length);
  entry.in_head = length <= kSmallColumn;
  if (!entry.in_head) {
    const auto crc = in_.take(4);
    if (in_.failed()) return "its directory is cut off";
    entry.crc = u32_of(crc);
  }
  return in_.failed() ? "its directory is cut off" : nullptr;
}

const char* PackParser::directory() {
  const auto count = in_.varint();
  // A line takes three bytes at least.
  if (in_.failed() || count > kMostPackColumns || count > in_.left() / 3)
    return "its directory does not fit";
  pack_.entries_.reserve(static_cast<std::size_t>(count));
  PackEntry before;
  for (std::uint64_t i = 0; i < count; ++i) {
    PackEntry entry;
    if (const char* why = line(entry, before)) return why;
    if (i > 0 && key_of(entry) <= key_of(before)) return "its directory is not in order";
    pack_.entries_.push_back(entry);
    before = entry;
  }
  return nullptr;
}

// Offsets, and that all lengths together are exactly what is there.
const char* PackParser::places() {
  std::size_t in_head = kPackPrefixBytes + pack_.head_.size() - in_.left();
  const std::size_t body = kPackPrefixBytes + pack_.head_.size();
  std::size_t next = body;
  for (auto& entry : pack_.entries_) {
    std::size_t& place = entry.in_head ? in_head : next;
    entry.offset = static_cast<std::uint32_t>(place);
    place += entry.length;
    if (in_head > body || next > size_) return "its columns do not fit";
  }
  return in_head == body && next == size_ ? nullptr : "its columns do not fill it";
}

Result<std::size_t> pack_head_bytes(std::span<const std::byte> prefix) {
  if (prefix.size() < kPackPrefixBytes) return broken_pack("it is shorter than its first bytes");
  if (!std::equal(kPackMagic.begin(), kPackMagic.end(), prefix.begin()))
    return broken_pack("it does not begin like one of version 1");
  const std::size_t bytes = kPackPrefixBytes + u32_of(prefix.subspan(4, 4));
  if (bytes > kMostPackBytes) return broken_pack("its head is too long");
  return bytes;
}

Result<Pack> Pack::open(std::span<const std::byte> bytes, std::size_t size) {
  const auto needed = pack_head_bytes(bytes);
  if (!needed) return needed.error();
  if (size > kMostPackBytes) return broken_pack("it is too long");
  if (*needed > bytes.size() || *needed > size) return broken_pack("its head is cut off");
  const auto head = bytes.subspan(kPackPrefixBytes, *needed - kPackPrefixBytes);
  if (crc32c(head, crc32c(bytes.subspan(4, 4))) != u32_of(bytes.subspan(8, 4)))
    return broken_pack("its head has another checksum");
  Pack pack;
  pack.head_.assign(head.begin(), head.end());
  if (const char* why = PackParser(pack, size).parse()) return broken_pack(why);
  return pack;
}

const PackEntry* Pack::find(SeriesId series, std::uint8_t part) const {
  const std::pair key(series, part);
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), key,
                       [](const PackEntry& entry, const auto& k) { return key_of(entry) < k; });
  return found != entries_.end() && key_of(*found) == key ? &*found : nullptr;
}

std::span<const std::int64_t> Pack::times_ms(const PackEntry& entry) const {
  VOLTA_ASSERT(entry.times + 1 < first_tick_.size());
  const std::size_t first = first_tick_[entry.times];
  return std::span(ticks_ms_).subspan(first, first_tick_[entry.times + 1] - first);
}

std::size_t Pack::memory() const {
  return sizeof *this + head_.capacity() + entries_.capacity() * sizeof(PackEntry) +
         ticks_ms_.capacity() * sizeof(std::int64_t) +
         first_tick_.capacity() * sizeof(std::uint32_t);
}

Result<std::span<const std::byte>> PackReader::column_of(const Pack& pack, const PackEntry& entry,
                                                         std::span<const std::byte> column) {
  if (entry.in_head)
    return std::span<const std::byte>(pack.head_)
        .subspan(entry.offset - kPackPrefixBytes, entry.length);
  if (column.size() != entry.length) return broken_pack("a column is cut off");
  if (crc32c(column) != entry.crc) return broken_pack("a column has another checksum");
  return column;
}

// `ticks` is empty where all or none of the pack's ticks have a value; `count` tells which.
std::span<const std::int64_t> PackReader::times_of(const Pack& pack, const PackEntry& entry,
                                                   std::span<const std::uint32_t> ticks,
                                                   std::size_t count) {
  const auto times = pack.times_ms(entry);
  if (count == times.size()) return times;
  times_.resize(ticks.size());
  std::transform(ticks.begin(), ticks.end(), times_.begin(),
                 [&](std::uint32_t tick) { return times[tick]; });
  return times_;
}

Result<RawSamples> PackReader::raw(const Pack& pack, const PackEntry& entry,
                                   std::span<const std::byte> column) {
  const auto bytes = column_of(pack, entry, column);
  if (!bytes) return bytes.error();
  const auto decoded = decoder_.decode(*bytes, entry.type, pack.times_ms(entry).size());
  if (!decoded) return decoded.error();
  return RawSamples{times_of(pack, entry, decoded->ticks, decoded->values.size()), decoded->values};
}

Result<DoubleSamples> PackReader::doubles(const Pack& pack, const PackEntry& entry,
                                          std::span<const std::byte> column, std::int8_t scale) {
  const auto bytes = column_of(pack, entry, column);
  if (!bytes) return bytes.error();
  const auto decoded =
      decoder_.decode_doubles(*bytes, entry.type, scale, pack.times_ms(entry).size());
  if (!decoded) return decoded.error();
  return DoubleSamples{times_of(pack, entry, decoded->ticks, decoded->values.size()),
                       decoded->values};
}

Result<void> check_pack(std::span<const std::byte> bytes) {
  const auto pack = Pack::open(bytes, bytes.size());
  if (!pack) return pack.error();
  PackReader reader;
  for (const auto& entry : pack->entries()) {
    const auto samples = reader.raw(*pack, entry, bytes.subspan(entry.offset, entry.length));
    if (!samples)
      return Error{"series " + std::to_string(static_cast<std::uint32_t>(entry.series)) + ": " +
                   samples.error().text};
  }
  return {};
}

}  // namespace volta
