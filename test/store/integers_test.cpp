#include "store/integers.hpp"

#include <random>

#include <catch2/catch.hpp>

namespace volta {
namespace {

constexpr std::uint64_t kTop = std::uint64_t{1} << 63U;

// The bytes that the integers took; they came back, whatever shape and stage the hint asked for.
std::size_t integers_round(const std::vector<std::uint64_t>& integers) {
  IntegerEncoder encoder;
  IntegerDecoder decoder;
  std::size_t first = 0;
  for (std::uint8_t shape = 0; shape <= 7; ++shape) {
    for (std::uint8_t stage = 0; stage < kStageChoices; ++stage) {
      IntegerHint hint{shape, static_cast<StageChoice>(stage)};
      Bytes bytes;
      encoder.encode(integers, hint, bytes);
      if (shape == 0 && stage == 0) first = bytes.size();
      std::vector<std::uint64_t> back(integers.size(), 77);
      INFO("shape " << int{shape} << " stage " << int{stage});
      CHECK(decoder.decode(bytes, back));
      CHECK(back == integers);
    }
  }
  return first;
}

TEST_CASE("Integers come back in every shape and stage") {
  CHECK(integers_round({}) == 0);
  CHECK(integers_round({0}) == 2);
  CHECK(integers_round(std::vector<std::uint64_t>(5000, 7)) == 2);
  CHECK(integers_round({~std::uint64_t{0}, 0, 1, 2}) <= 4);
  integers_round({0, kTop});
  integers_round({0, kTop, 0});
  integers_round({kTop, kTop - 1, kTop, kTop + 1, 0, ~std::uint64_t{0}});
  integers_round({0, kTop + 2, 4, kTop + 6, kTop - 6});
  integers_round({3, 6, 9, 15, 0 - std::uint64_t{3}, 3 * 6'148'914'691'236'517'205U});
  std::mt19937_64 random(41);
  for (int round = 0; round < 60; ++round) {
    const std::uint64_t divisor = 1 + random() % 5 * (random() >> (random() % 64));
    const auto width = static_cast<unsigned>(random() % 64);
    std::vector<std::uint64_t> integers(1 + random() % 300);
    std::uint64_t sum = random();
    for (auto& integer : integers) integer = sum += divisor * (random() >> width);
    INFO("seed 41, round " << round);
    integers_round(integers);
  }
}

TEST_CASE("What is common to all differences is written once") {
  std::mt19937_64 random(42);
  std::vector<std::uint64_t> plain(2000);
  std::vector<std::uint64_t> pages(2000);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    plain[i] = random() % 1000;
    pages[i] = 999'999 + 12'288 * plain[i];
  }
  CHECK(integers_round(pages) <= integers_round(plain) + 8);
}

TEST_CASE("Bytes that are no integers are refused") {
  IntegerDecoder decoder;
  std::vector<std::uint64_t> out(4);
  const auto decodes = [&](std::initializer_list<unsigned> bytes) {
    Bytes in;
    for (const auto byte : bytes) in.push_back(static_cast<std::byte>(byte));
    return decoder.decode(in, out);
  };
  CHECK(decodes({0, 2}));
  CHECK(out == std::vector<std::uint64_t>{1, 1, 1, 1});
  CHECK(decodes({1, 2, 4}));
  CHECK(out == std::vector<std::uint64_t>{1, 3, 5, 7});
  CHECK_FALSE(decodes({}));
  CHECK_FALSE(decodes({0}));
  CHECK_FALSE(decodes({0, 2, 0}));
  CHECK_FALSE(decodes({3, 2, 2, 2}));        // no order 3
  CHECK_FALSE(decodes({0x40, 2, 1, 2, 3}));  // no stage 4
  CHECK_FALSE(decodes({0x10, 2}));           // a block is missing
  CHECK_FALSE(decodes({0x10, 2, 65, 0}));    // no width of 65
  CHECK(decodes({0x10, 2, 0, 1, 3, 9}));
  CHECK(out == std::vector<std::uint64_t>{1, 1, 1, 10});
  CHECK_FALSE(decodes({0x10, 2, 0, 1, 4, 9}));        // a patch behind the end
  CHECK_FALSE(decodes({0x10, 2, 0, 2, 3, 9, 3, 9}));  // patches do not rise
  CHECK_FALSE(decodes({0x20, 2, 1, 2, 3}));           // no zstd frame
  CHECK_FALSE(decodes({0x30, 2, 9, 2, 3}));           // the frame is longer than what is there
  out.resize(1);
  CHECK_FALSE(decodes({1, 2, 4}));  // order 1 needs two
}

}  // namespace
}  // namespace volta
