#include "base/varint.hpp"

#include <array>
#include <limits>

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("varints come back") {
  Bytes bytes;
  const std::array<std::uint64_t, 6> values = {
      0, 1, 127, 128, 1ULL << 63U, std::numeric_limits<std::uint64_t>::max()};
  for (const std::uint64_t value : values) put_varint(bytes, value);
  ByteReader in(bytes);
  for (const std::uint64_t value : values) CHECK(in.varint() == value);
  CHECK(in.left() == 0);
  CHECK_FALSE(in.failed());
}

TEST_CASE("zigzag keeps small magnitudes small") {
  CHECK(zigzag(-1) == 1);
  CHECK(zigzag(1) == 2);
  for (const std::int64_t value : {std::int64_t{0}, std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::max()}) {
    CHECK(unzigzag(zigzag(value)) == value);
  }
}

TEST_CASE("a reader never passes its end, and stays failed") {
  const Bytes torn = {std::byte{0x80}};
  ByteReader in(torn);
  CHECK(in.varint() == 0);
  CHECK(in.failed());
  CHECK(in.take(1).empty());
  const Bytes too_long(11, std::byte{0xff});
  ByteReader overflow(too_long);
  CHECK(overflow.varint() == 0);
  CHECK(overflow.failed());
  const Bytes one = {std::byte{1}};
  ByteReader short_in(one);
  CHECK(short_in.take(2).empty());
  CHECK(short_in.failed());
}

}  // namespace
}  // namespace volta
