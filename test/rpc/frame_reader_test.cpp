#include "rpc/frame_reader.hpp"

#include <limits>
#include <random>

#include <capnp/serialize-packed.h>
#include <catch2/catch.hpp>
#include <kj/io.h>

#include "rpc/volta.capnp.h"
#include "support/seed.hpp"

namespace volta::rpc {
namespace {

constexpr std::size_t kLimit = 1U << 20U;

// The packed form of a frame that declares these segments and has these words.
Bytes frame(std::uint32_t count_minus_one, const std::vector<std::uint32_t>& sizes,
            std::size_t words) {
  Bytes plain;
  const auto put = [&](std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) plain.push_back(static_cast<std::byte>(value >> 8U * i));
  };
  put(count_minus_one);
  for (const std::uint32_t size : sizes) put(size);
  plain.resize((plain.size() + 7) / 8 * 8 + words * 8);
  Bytes packed;
  pack(plain, packed);
  return packed;
}

std::string problem(const Bytes& packed, std::size_t limit = kLimit) {
  FrameReader reader(limit);
  const auto fed = reader.feed(packed);
  return fed ? "" : fed.error().text;
}

TEST_CASE("a message of Cap'n Proto's own making comes through byte by byte") {
  capnp::MallocMessageBuilder builder(4, capnp::AllocationStrategy::FIXED_SIZE);  // many segments
  auto hello = builder.initRoot<wire::Hello>();
  hello.setHostName("a name that is longer than a segment");
  hello.setLastSeq(77);
  kj::VectorOutputStream packed;
  capnp::writePackedMessage(packed, builder);
  const auto bytes = std::as_bytes(std::span(packed.getArray().begin(), packed.getArray().size()));
  FrameReader reader(kLimit);
  for (int round = 0; round < 2; ++round) {
    CHECK(reader.idle());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      CHECK_FALSE(reader.complete());
      CHECK(*reader.feed(bytes.subspan(i, 1)) == 1);
    }
    REQUIRE(reader.complete());
    auto message = reader.take({});
    CHECK(message->getRoot<wire::Hello>().getHostName() == "a name that is longer than a segment");
    CHECK(message->getRoot<wire::Hello>().getLastSeq() == 77);
  }
}

TEST_CASE("it stops where the message ends") {
  Bytes two = frame(0, {1}, 1);
  const std::size_t first = two.size();
  const Bytes second = frame(0, {1}, 1);
  two.insert(two.end(), second.begin(), second.end());
  FrameReader reader(kLimit);
  CHECK(*reader.feed(two) == first);
  CHECK(reader.complete());
}

TEST_CASE("declared sizes are checked before they are believed") {
  constexpr std::uint32_t kTop = std::numeric_limits<std::uint32_t>::max();
  CHECK_THAT(problem(frame(kTop, {0}, 0)), Catch::Contains("64 segments"));
  CHECK_THAT(problem(frame(63, {0}, 0)), Catch::Contains("64 segments"));
  CHECK(problem(frame(62, std::vector<std::uint32_t>(63, 1), 63)).empty());
  CHECK_THAT(problem(frame(0, {kTop}, 0)), Catch::Contains("larger than"));
  CHECK_THAT(problem(frame(3, {kTop, kTop, kTop, kTop}, 0)), Catch::Contains("larger than"));
  CHECK(problem(frame(0, {kLimit / 8}, 0)).empty());
  CHECK_THAT(problem(frame(0, {kLimit / 8 + 1}, 0)), Catch::Contains("larger than"));
  CHECK_THAT(problem(frame(0, {1}, 5)), Catch::Contains("beyond the end"));
}

TEST_CASE("any bytes are a message, an error, or the beginning of one") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    Bytes bytes = frame(static_cast<std::uint32_t>(random() % 4), {2, 1, 1, 3}, 7);
    for (unsigned flips = random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    FrameReader reader(4096);
    const auto fed = reader.feed(bytes);
    if (fed) CHECK((reader.complete() || *fed == bytes.size()));
  }
}

}  // namespace
}  // namespace volta::rpc
