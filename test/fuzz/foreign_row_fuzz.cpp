// Any bytes as a row of foreign samples: as a payload, and as a body that is made a payload of,
// since the checksum keeps most others out. What decodes is within its bounds and survives another
// round.
#include <bit>
#include <cstdint>
#include <span>

#include <zstd.h>

#include "base/assert.hpp"
#include "store/foreign_row.hpp"

namespace {

void decode_row(std::span<const std::byte> series, std::span<const std::byte> payload,
                bool low_times) {
  using namespace volta;  // NOLINT: one function
  ForeignRowCodec codec;
  ForeignRow row;
  row.min_ms = low_times ? 0 : INT64_MIN;
  row.max_ms = low_times ? 1000 : INT64_MAX;
  if (!codec.decode(series, payload, row)) return;
  VOLTA_ASSERT(row.points() <= kMostRowPoints && !row.series.empty());
  ForeignRowBuilder builder;
  std::vector<double> values;
  for (std::size_t place = 0; place < row.series.size(); ++place) {
    const auto times = row.times(place);
    VOLTA_ASSERT(times.size() == row.bits(place).size() && !times.empty());
    VOLTA_ASSERT(times.front() >= row.min_ms && times.back() <= row.max_ms);
    values.clear();
    for (const std::uint64_t bits : row.bits(place)) values.push_back(std::bit_cast<double>(bits));
    builder.add(row.series[place], times, values);
  }
  const EncodedForeignRow again = codec.encode(builder.take());
  ForeignRow back;
  back.min_ms = again.row->min_ms;
  back.max_ms = again.row->max_ms;
  VOLTA_ASSERT(codec.decode(again.series, again.payload, back));
  VOLTA_ASSERT(back.values == row.values && back.series == row.series);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  const std::size_t cut = (data[0] & 0x7fU) % bytes.size();
  const bool low_times = (data[0] & 0x80U) != 0;
  decode_row(bytes.first(cut), bytes.subspan(cut), low_times);

  const auto body = bytes.subspan(cut);
  volta::Bytes payload(1 + ZSTD_compressBound(body.size()), std::byte{1});
  const std::size_t packed =
      ZSTD_compress(payload.data() + 1, payload.size() - 1, body.data(), body.size(), 1);
  VOLTA_ASSERT(ZSTD_isError(packed) == 0);
  payload.resize(1 + packed);
  decode_row(bytes.first(cut), payload, low_times);
  return 0;
}
