// Any values, gaps and hint through the encoder: the decoder gives back the same bits.
//
//   input  u8 value type + 3 * form, 5 bytes of hint, values
//   form 0: values are 8 bytes each; 1: 2 bytes, each a difference; 2: 2 bytes, each a decimal of
//   two digits; 3: 1 byte, repeated three times. A value whose lowest bits are 101 is a gap too
#include <algorithm>
#include <bit>
#include <span>

#include "base/assert.hpp"
#include "store/column_codec.hpp"

namespace volta {
namespace {

std::uint64_t number_of(std::span<const std::byte> bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    number = number << 8U | static_cast<std::uint64_t>(bytes[i]);
  return number;
}

void fuzz_round(std::span<const std::byte> in) {
  static ColumnEncoder encoder;
  static ColumnDecoder decoder;
  if (in.size() < 6) return;
  const auto kind = static_cast<unsigned>(in[0]);
  const auto type = static_cast<ValueType>(kind % 3);
  const unsigned form = kind / 3 % 4;
  const auto hint_byte = [&](std::size_t i) { return static_cast<std::uint8_t>(in[1 + i]); };
  ColumnHint hint{hint_byte(0), hint_byte(1), hint_byte(2), hint_byte(3), hint_byte(4), 64};
  in = in.subspan(6);
  const std::size_t width = form == 0 ? 8 : form == 3 ? 1 : 2;
  std::vector<std::uint64_t> raw;
  std::vector<std::uint8_t> present;
  std::vector<std::uint64_t> want;
  std::uint64_t sum = 0;
  for (; in.size() >= width; in = in.subspan(width)) {
    const auto number = number_of(in.first(width));
    sum += number - (form == 1 ? 0x7fffU : 0U);
    const auto value = form == 2   ? std::bit_cast<std::uint64_t>(static_cast<double>(number) / 100)
                       : form == 1 ? sum
                                   : number;
    for (int times = form == 3 ? 3 : 1; times > 0; --times) {
      raw.push_back(value);
      present.push_back((number & 7U) == 5 ? 0 : 1);
      if (present.back() != 0) want.push_back(value);
    }
  }
  Bytes bytes;
  encoder.encode({type, raw, present}, hint, bytes);
  const auto back = decoder.decode(bytes, type, raw.size());
  VOLTA_ASSERT(back.has_value());
  VOLTA_ASSERT(std::equal(back->values.begin(), back->values.end(), want.begin(), want.end()));
}

}  // namespace
}  // namespace volta

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  volta::fuzz_round(std::as_bytes(std::span(data, size)));
  return 0;
}
