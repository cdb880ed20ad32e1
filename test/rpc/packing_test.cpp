#include "rpc/packing.hpp"

#include <random>

#include <capnp/serialize-packed.h>
#include <catch2/catch.hpp>
#include <kj/io.h>

#include "support/seed.hpp"

namespace volta::rpc {
namespace {

// Words as messages have them: runs of zeros, small numbers, runs of noise.
Bytes some_words(std::mt19937& random, std::size_t words) {
  Bytes out;
  while (out.size() < words * 8) {
    const auto kind = random() % 3;
    const std::size_t run = 1 + random() % (random() % 8 == 0 ? 600 : 6);
    for (std::size_t i = 0; i < run * 8; ++i) {
      const bool zero = kind == 0 || (kind == 1 && i % 8 > 1);
      out.push_back(zero ? std::byte{0} : static_cast<std::byte>(random()));
    }
  }
  out.resize(words * 8);
  return out;
}

// Through pieces of random size on both sides.
Bytes unpack_in_pieces(std::span<const std::byte> packed, std::size_t size, std::mt19937& random) {
  Unpacker unpacker;
  Bytes out(size);
  std::size_t produced = 0;
  for (int idle = 0; idle < 100 && !(packed.empty() && produced == size); ++idle) {
    const std::size_t piece = packed.empty() ? 0 : 1 + random() % packed.size();
    // Some words less room than there is; a run may end up before the room does, or after it.
    const std::size_t room = size - produced - 8 * (random() % ((size - produced) / 8 + 1));
    const auto progress =
        unpacker.unpack(packed.first(piece), std::span(out).subspan(produced, room));
    packed = packed.subspan(progress.consumed);
    produced += progress.produced;
    if (progress.consumed + progress.produced > 0) idle = 0;
  }
  CHECK(produced == size);
  CHECK(packed.empty());
  CHECK(unpacker.at_boundary());
  return out;
}

TEST_CASE("what is packed comes back, in pieces of any size") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    const Bytes words = some_words(random, 1 + random() % 700);
    Bytes packed;
    pack(words, packed);
    CHECK(unpack_in_pieces(packed, words.size(), random) == words);
  }
}

TEST_CASE("the packed form is Cap'n Proto's own") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 100; ++round) {
    const Bytes words = some_words(random, 1 + random() % 700);
    kj::VectorOutputStream theirs;
    {
      kj::BufferedOutputStreamWrapper buffered(theirs);
      capnp::_::PackedOutputStream stream(buffered);
      stream.write(words.data(), words.size());
    }
    Bytes ours;
    pack(words, ours);
    const auto expected =
        std::as_bytes(std::span(theirs.getArray().begin(), theirs.getArray().size()));
    CHECK(std::equal(ours.begin(), ours.end(), expected.begin(), expected.end()));
  }
}

TEST_CASE("an owed count and a run that is too long show") {
  const auto boundary = [](std::initializer_list<int> packed) {
    Bytes in;
    for (const int byte : packed) in.push_back(static_cast<std::byte>(byte));
    std::array<std::byte, 8> out{};
    Unpacker unpacker;
    (void)unpacker.unpack(in, out);
    return std::pair(unpacker.at_boundary(), unpacker.owes_count());
  };
  CHECK(boundary({0x01, 5}) == std::pair(true, false));
  CHECK(boundary({0x00}) == std::pair(false, true));
  CHECK(boundary({0x00, 0}) == std::pair(true, false));
  CHECK(boundary({0x00, 1}) == std::pair(false, false));
  CHECK(boundary({0xff, 1, 2, 3, 4, 5, 6, 7, 8, 1}) == std::pair(false, false));
  CHECK(boundary({0x03, 1}) == std::pair(false, false));
}

}  // namespace
}  // namespace volta::rpc
