#include "store/time_column.hpp"

#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "store/presence.hpp"

namespace volta {
namespace {

// The bytes of a time column that came back as it was, also behind other times.
std::size_t times_round(const std::vector<std::int64_t>& times) {
  Bytes bytes;
  TimeColumnEncoder().encode(times, bytes);
  std::vector<std::int64_t> back = {5};
  TimeColumnDecoder decoder;
  CHECK(decoder.decode(bytes, times.size(), back));
  back.erase(back.begin());
  CHECK(back == times);
  if (!times.empty()) CHECK_FALSE(decoder.decode(bytes, times.size() - 1, back));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK_FALSE(decoder.decode(cut, times.size(), back));
  }
  return bytes.size();
}

TEST_CASE("Times come back, those of a steady clock in a dozen bytes") {
  using Limits = std::numeric_limits<std::int64_t>;
  CHECK(times_round({}) == 1);
  CHECK(times_round({0}) < 8);
  CHECK(times_round({Limits::min()}) < 20);
  times_round({Limits::min(), Limits::max()});
  times_round({Limits::min(), -1, 0, 1, Limits::max() - 1, Limits::max()});
  std::mt19937_64 random(31);
  std::vector<std::int64_t> steady;
  std::vector<std::int64_t> jitter;
  std::vector<std::int64_t> holes;
  for (std::int64_t i = 0; i < 3600; ++i) {
    const std::int64_t ms = 1'795'226'400'000 + 1000 * i;
    steady.push_back(ms);
    jitter.push_back(ms + static_cast<std::int64_t>(random() % 8));
    if (random() % 50 != 0) holes.push_back(ms);
  }
  CHECK(times_round(steady) < 16);
  CHECK(times_round(jitter) < 3600 / 2);
  CHECK(times_round(holes) < 350);
}

TEST_CASE("Times that do not rise are no time column") {
  Bytes bytes;
  put_varint(bytes, 3);
  put_varint(bytes, zigzag(7));
  put_varint(bytes, 0);
  // Order 0, stage 0, base 0: all residuals are 0, so all times are 7.
  put_varint(bytes, 0);
  put_varint(bytes, 0);
  std::vector<std::int64_t> times;
  CHECK_FALSE(TimeColumnDecoder().decode(bytes, 10, times));
  bytes[2] = std::byte{2};
  times.clear();
  CHECK(TimeColumnDecoder().decode(bytes, 10, times));
  CHECK(times == std::vector<std::int64_t>{7, 9, 11});
}

TEST_CASE("A declared length makes no memory") {
  Bytes bytes;
  put_varint(bytes, std::uint64_t{1} << 60U);
  put_varint(bytes, 0);
  put_varint(bytes, 1);
  put_varint(bytes, 0);
  put_varint(bytes, 0);
  std::vector<std::int64_t> times;
  CHECK_FALSE(TimeColumnDecoder().decode(bytes, 1U << 18U, times));
  CHECK(times.empty());
}

TEST_CASE("Runs of gaps fit the ticks or are refused") {
  const auto read = [](std::vector<std::uint64_t> numbers, std::size_t ticks) {
    Bytes bytes;
    for (const auto number : numbers) put_varint(bytes, number);
    ByteReader in(bytes);
    std::vector<std::uint32_t> with_value;
    if (!read_presence(in, ticks, with_value)) return std::vector<std::uint32_t>{999};
    return with_value;
  };
  using Ticks = std::vector<std::uint32_t>;
  const Ticks refused = {999};
  CHECK(read({3, 2, 1, 2}, 5) == Ticks{0, 1, 3, 4});
  CHECK(read({2, 0, 5}, 5) == Ticks{});
  CHECK(read({1, 3}, 3) == Ticks{0, 1, 2});
  CHECK(read({3, 2, 1, 2}, 6) == refused);
  CHECK(read({3, 2, 1, 2}, 4) == refused);
  CHECK(read({3, 2, 0, 3}, 5) == refused);
  CHECK(read({3, 2, 1}, 5) == refused);
  CHECK(read({1, ~std::uint64_t{0}}, 5) == refused);
  CHECK(read({1000, 1}, 5) == refused);
  CHECK(read({}, 0) == refused);
}

}  // namespace
}  // namespace volta
