// Any bytes as a column: an Error or values, as many as there are ticks at most, whatever comes;
// what decodes as raw values decodes to the same doubles.
//
//   input  u8 value type, u16le ticks, the column
#include <bit>
#include <span>

#include "base/assert.hpp"
#include "store/column_codec.hpp"

namespace volta {
namespace {

void fuzz_column(std::span<const std::byte> in) {
  static ColumnDecoder decoder;
  if (in.size() < 3) return;
  const auto type = static_cast<ValueType>(static_cast<unsigned>(in[0]) % 3);
  const auto ticks = static_cast<std::size_t>(in[1]) + 256 * static_cast<std::size_t>(in[2]);
  const auto column = in.subspan(3);
  std::vector<std::uint64_t> values;
  const auto raw = decoder.decode(column, type, ticks);
  if (raw) {
    VOLTA_ASSERT(raw->values.size() <= ticks);
    VOLTA_ASSERT(raw->ticks.empty() || raw->ticks.size() == raw->values.size());
    VOLTA_ASSERT(raw->ticks.empty() || raw->ticks.back() < ticks);
    values.assign(raw->values.begin(), raw->values.end());
  }
  const auto doubles = decoder.decode_doubles(column, type, 3, ticks);
  VOLTA_ASSERT(doubles.has_value() == raw.has_value());
  if (!doubles) return;
  VOLTA_ASSERT(doubles->values.size() == values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    VOLTA_ASSERT(std::bit_cast<std::uint64_t>(to_double(type, 3, values[i])) ==
                 std::bit_cast<std::uint64_t>(doubles->values[i]));
  }
}

}  // namespace
}  // namespace volta

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  volta::fuzz_column(std::as_bytes(std::span(data, size)));
  return 0;
}
