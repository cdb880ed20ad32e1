#include "store/foreign_row.hpp"

#include <algorithm>
#include <bit>

#include <zstd.h>

#include "base/assert.hpp"
#include "base/error.hpp"

namespace volta {
namespace {

constexpr std::byte kVersion{1};
// Per point at worst: its word, and a time column and a series of its own.
constexpr std::size_t kLargestBody = kMostRowPoints * (8 + 12 + 5) + 16;
constexpr std::size_t kWordBytes = 8;
// The fastest: a request waits for it. The planes give most of what there is to gain.
constexpr int kLevel = 1;

template <typename T>
std::size_t bytes_held(const std::vector<T>& values) {
  return values.capacity() * sizeof(T);
}

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e37'79b9'7f4a'7c15U;
  return hash ^ (hash >> 32U);
}

Bytes encode_series_list(const std::vector<SeriesId>& series) {
  Bytes out;
  out.reserve(series.size() * 2 + 4);
  put_varint(out, series.size());
  std::uint32_t before = 0;
  for (const SeriesId id : series) {
    put_varint(out, static_cast<std::uint32_t>(id) - before);
    before = static_cast<std::uint32_t>(id);
  }
  return out;
}

void put_columns(Bytes& out, const ForeignRow& row) {
  put_varint(out, row.column_first.size() - 1);
  for (std::size_t i = 0; i + 1 < row.column_first.size(); ++i) {
    const auto times =
        std::span(row.times_ms)
            .subspan(row.column_first[i], row.column_first[i + 1] - row.column_first[i]);
    put_varint(out, times.size());
    put_varint(out, zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(times[0]) -
                                                     static_cast<std::uint64_t>(row.min_ms))));
    for (std::size_t at = 1; at < times.size(); ++at) {
      put_varint(out, static_cast<std::uint64_t>(times[at]) -
                          static_cast<std::uint64_t>(times[at - 1]) - 1);
    }
  }
}

// The lowest byte of all words, then the next ones, and so on.
void put_planes(Bytes& out, std::span<const std::uint64_t> words) {
  const std::size_t points = words.size();
  const std::size_t start = out.size();
  out.resize(start + points * kWordBytes);
  for (std::size_t plane = 0; plane < kWordBytes; ++plane) {
    std::byte* const to = out.data() + start + plane * points;
    for (std::size_t at = 0; at < points; ++at) {
      to[at] = static_cast<std::byte>(words[at] >> (8 * plane));
    }
  }
}

// Each value of a series XOR the one before it.
std::vector<std::uint64_t> words_of(const ForeignRow& row) {
  std::vector<std::uint64_t> words = row.values;
  for (std::size_t place = 0; place < row.series.size(); ++place) {
    for (std::size_t at = row.first_value[place + 1] - 1; at > row.first_value[place]; --at) {
      words[at] ^= row.values[at - 1];
    }
  }
  return words;
}

void take_planes(std::span<const std::byte> planes, ForeignRow& row) {
  const std::size_t points = planes.size() / kWordBytes;
  row.values.assign(points, 0);
  for (std::size_t plane = 0; plane < kWordBytes; ++plane) {
    for (std::size_t at = 0; at < points; ++at) {
      row.values[at] |= std::to_integer<std::uint64_t>(planes[plane * points + at]) << (8 * plane);
    }
  }
  for (std::size_t place = 0; place < row.series.size(); ++place) {
    for (std::size_t at = row.first_value[place] + 1; at < row.first_value[place + 1]; ++at) {
      row.values[at] ^= row.values[at - 1];
    }
  }
}

bool is_column(const ForeignRow& row, std::uint32_t column,
               std::span<const std::int64_t> times_ms) {
  const std::uint32_t from = row.column_first[column];
  const std::uint32_t to = row.column_first[column + 1];
  return to - from == times_ms.size() &&
         std::equal(times_ms.begin(), times_ms.end(), row.times_ms.begin() + from);
}

// One column; false: not valid.
bool take_times(ByteReader& in, ForeignRow& row) {
  const std::uint64_t count = in.varint();
  if (count == 0 || count > kMostRowPoints - row.times_ms.size()) return false;
  auto time = static_cast<std::int64_t>(static_cast<std::uint64_t>(row.min_ms) +
                                        static_cast<std::uint64_t>(unzigzag(in.varint())));
  for (std::uint64_t i = 0;;) {
    if (in.failed() || time < row.min_ms || time > row.max_ms) return false;
    row.times_ms.push_back(time);
    if (++i == count) break;
    const std::uint64_t gap = in.varint();
    const std::uint64_t left =
        static_cast<std::uint64_t>(row.max_ms) - static_cast<std::uint64_t>(time);
    if (gap >= left) return false;
    time = static_cast<std::int64_t>(static_cast<std::uint64_t>(time) + gap + 1);
  }
  row.column_first.push_back(static_cast<std::uint32_t>(row.times_ms.size()));
  return true;
}

}  // namespace

std::size_t ForeignRow::bytes() const {
  return sizeof(ForeignRow) + bytes_held(series) + bytes_held(column) + bytes_held(first_value) +
         bytes_held(column_first) + bytes_held(times_ms) + bytes_held(values);
}

std::span<const std::int64_t> ForeignRow::times(std::size_t place) const {
  const std::uint32_t at = column[place];
  return std::span(times_ms).subspan(column_first[at], column_first[at + 1] - column_first[at]);
}

std::span<const std::uint64_t> ForeignRow::bits(std::size_t place) const {
  return std::span(values).subspan(first_value[place], first_value[place + 1] - first_value[place]);
}

std::uint32_t ForeignRowBuilder::column_of(std::span<const std::int64_t> times_ms) {
  // Series of one scrape stand together.
  if (!row_.column.empty() && is_column(row_, row_.column.back(), times_ms))
    return row_.column.back();
  std::uint64_t hash = times_ms.size();
  for (const std::int64_t time : times_ms) hash = mixed(hash, static_cast<std::uint64_t>(time));
  const auto found = columns_by_hash_.find(hash);
  if (found != columns_by_hash_.end() && is_column(row_, found->second, times_ms))
    return found->second;
  const auto number = static_cast<std::uint32_t>(row_.column_first.size() - 1);
  row_.times_ms.insert(row_.times_ms.end(), times_ms.begin(), times_ms.end());
  row_.column_first.push_back(static_cast<std::uint32_t>(row_.times_ms.size()));
  columns_by_hash_[hash] = number;
  return number;
}

void ForeignRowBuilder::reserve(std::size_t series, std::size_t points) {
  if (!empty() || points == 0) return;
  points = std::min(points, kMostRowPoints);
  series = std::min(series, points);
  row_.series.reserve(series);
  row_.column.reserve(series);
  row_.first_value.reserve(series + 1);
  row_.values.reserve(points);
}

void ForeignRowBuilder::add(SeriesId series, std::span<const std::int64_t> times_ms,
                            std::span<const double> values) {
  VOLTA_ASSERT(!times_ms.empty() && times_ms.size() == values.size() && times_ms.size() <= room());
  if (row_.series.empty()) {
    row_.min_ms = times_ms.front();
    row_.max_ms = times_ms.back();
    row_.first_value.push_back(0);
    row_.column_first.push_back(0);
  }
  VOLTA_ASSERT(row_.series.empty() || row_.series.back() <= series);
  row_.min_ms = std::min(row_.min_ms, times_ms.front());
  row_.max_ms = std::max(row_.max_ms, times_ms.back());
  row_.series.push_back(series);
  row_.column.push_back(column_of(times_ms));
  for (const double value : values) row_.values.push_back(std::bit_cast<std::uint64_t>(value));
  row_.first_value.push_back(static_cast<std::uint32_t>(row_.values.size()));
}

ForeignRow ForeignRowBuilder::take() {
  VOLTA_ASSERT(!empty());
  columns_by_hash_.clear();
  return std::exchange(row_, ForeignRow());
}

ForeignRowCodec::ForeignRowCodec()
    : compressor_(ZSTD_createCCtx(), ZSTD_freeCCtx), decompressor_(nullptr, ZSTD_freeDCtx) {
  VOLTA_ASSERT(compressor_ != nullptr);
  ZSTD_CCtx_setParameter(compressor_.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(compressor_.get(), ZSTD_c_checksumFlag, 1);
}

EncodedForeignRow ForeignRowCodec::encode(ForeignRow row) {
  EncodedForeignRow out;
  out.series = encode_series_list(row.series);
  body_.clear();
  put_columns(body_, row);
  for (const std::uint32_t column : row.column) put_varint(body_, column);
  if (row.values.size() == row.series.size()) {  // no value has one before it
    put_planes(body_, row.values);
  } else {
    put_planes(body_, words_of(row));
  }
  frame_.resize(std::max(frame_.size(), ZSTD_compressBound(body_.size())));
  const std::size_t packed =
      ZSTD_compress2(compressor_.get(), frame_.data(), frame_.size(), body_.data(), body_.size());
  if (ZSTD_isError(packed) != 0) {
    throw Failure(std::string("samples cannot be compressed: ") + ZSTD_getErrorName(packed));
  }
  out.payload.reserve(1 + packed);
  out.payload.push_back(kVersion);
  out.payload.insert(out.payload.end(), frame_.begin(),
                     frame_.begin() + static_cast<std::ptrdiff_t>(packed));
  out.row = std::make_shared<const ForeignRow>(std::move(row));
  return out;
}

bool ForeignRowCodec::read_body(ByteReader& in, ForeignRow& row) const {
  row.times_ms.clear();
  row.column_first.assign(1, 0);
  row.column.clear();
  row.first_value.assign(1, 0);
  const std::uint64_t columns = in.varint();
  if (columns > kMostRowPoints) return false;
  for (std::uint64_t i = 0; i < columns; ++i) {
    if (!take_times(in, row)) return false;
  }
  std::size_t points = 0;
  for (std::size_t place = 0; place < row.series.size(); ++place) {
    const std::uint64_t column = in.varint();
    if (in.failed() || column >= columns) return false;
    row.column.push_back(static_cast<std::uint32_t>(column));
    points += row.column_first[column + 1] - row.column_first[column];
    if (points > kMostRowPoints) return false;
    row.first_value.push_back(static_cast<std::uint32_t>(points));
  }
  if (in.left() != points * kWordBytes) return false;
  take_planes(in.take(in.left()), row);
  return true;
}

bool ForeignRowCodec::decode(std::span<const std::byte> series, std::span<const std::byte> payload,
                             ForeignRow& row) {
  if (row.min_ms > row.max_ms || !decode_series_list(series, row.series)) return false;
  if (payload.empty() || payload[0] != kVersion) return false;
  const auto frame = payload.subspan(1);
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size > kLargestBody) return false;  // also ZSTD_CONTENTSIZE_UNKNOWN and _ERROR
  body_.resize(static_cast<std::size_t>(size));
  if (decompressor_ == nullptr) decompressor_.reset(ZSTD_createDCtx());  // who writes needs none
  VOLTA_ASSERT(decompressor_ != nullptr);
  const std::size_t got = ZSTD_decompressDCtx(decompressor_.get(), body_.data(), body_.size(),
                                              frame.data(), frame.size());
  if (ZSTD_isError(got) != 0 || got != body_.size()) return false;
  ByteReader in(body_);
  return read_body(in, row);
}

bool decode_series_list(std::span<const std::byte> bytes, std::vector<SeriesId>& series) {
  ByteReader in(bytes);
  const std::uint64_t count = in.varint();
  if (count == 0 || count > kMostRowPoints) return false;
  series.clear();
  std::uint64_t id = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t gap = in.varint();
    if (in.failed() || gap > UINT32_MAX) return false;
    id += gap;
    if (id == 0 || id > UINT32_MAX) return false;
    series.push_back(SeriesId(static_cast<std::uint32_t>(id)));
  }
  return in.left() == 0;
}

}  // namespace volta
