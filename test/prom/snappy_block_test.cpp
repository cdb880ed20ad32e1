#include "prom/snappy_block.hpp"

#include <catch2/catch.hpp>

#include "bytes_text.hpp"

namespace volta {
namespace {

TEST_CASE("snappy blocks are read") {
  // By hand: size 3, literal of 3 bytes; size 8, literal "ab", copy of 6 from 2 back.
  CHECK(*snappy_uncompress(bytes_of("0308616263"), 3) == "abc");
  CHECK(*snappy_uncompress(bytes_of("08046162") + bytes_of("0902"), 100) == "abababab");
  CHECK(snappy_uncompress(bytes_of("00"), 0)->empty());
}

TEST_CASE("snappy blocks that lie are refused") {
  const auto check = [](const std::string& block, std::size_t most, std::string_view want) {
    CAPTURE(hex_text(block));
    const auto got = snappy_uncompress(block, most);
    REQUIRE_FALSE(got);
    CHECK(got.error().text.find(want) != std::string::npos);
  };
  check("", 100, "not a snappy block");
  check(bytes_of("ff"), 100, "not a snappy block");
  check(bytes_of("ffffffffff7f"), 100, "not a snappy block");
  check(bytes_of("0308616263"), 2, "the limit is 2");
  check(bytes_of("ffffffff0f0061"), 32U << 20U, "the limit is");
  check(bytes_of("ffffff0f0061"), 32U << 20U, "declares more");  // 32 MiB from two bytes
  check(bytes_of("0308616"), 100, "corrupt");
  check(bytes_of("0408616263"), 100, "corrupt");  // too short
  check(bytes_of("0208616263"), 100, "corrupt");  // too long
  check(bytes_of("0809020000"), 100, "corrupt");  // a copy from before the beginning
  check(bytes_of("0804616209ff"), 100, "corrupt");
  // The framed format begins with its stream identifier.
  check(bytes_of("ff060000734e61507059"), 100, "");
}

TEST_CASE("what was compressed comes back") {
  const auto check = [](const std::string& text) {
    const std::string block = snappy_compress(text);
    CHECK(block == snappy_compress(text));
    CHECK(snappy_declared_size(block) == text.size());
    const auto back = snappy_uncompress(block, text.size());
    REQUIRE(back);
    CHECK(*back == text);
  };
  check("");
  check("a");
  check(std::string(1 << 20, 'x'));  // as dense as it gets: the ratio of the limit must let it pass
  std::string mixed;
  for (unsigned i = 0, state = 1; i < 200'000; ++i) {
    state = state * 1664525 + 1013904223;
    mixed += static_cast<char>(i % 7 == 0 ? state >> 24U : i / 64);
  }
  check(mixed);
}

}  // namespace
}  // namespace volta
