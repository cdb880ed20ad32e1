#include "prom/relabel_hash.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

namespace volta {
namespace {

constexpr std::size_t kBlock = 64;
using State = std::array<std::uint32_t, 4>;

// RFC 1321: the i-th is the integer part of 2^32 * |sin(i + 1)|, in radians.
const std::array<std::uint32_t, 64>& sines() {
  static const std::array<std::uint32_t, 64> table = [] {
    std::array<std::uint32_t, 64> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] =
          static_cast<std::uint32_t>(std::abs(std::sin(static_cast<double>(i + 1))) * 4294967296.0);
    }
    return made;
  }();
  return table;
}

void digest_block(State& state, const char* block) {
  static constexpr int kTurns[4][4] = {
      {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  std::array<std::uint32_t, 16> words{};
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(words.data(), block, kBlock);
  auto [a, b, c, d] = state;
  for (std::uint32_t i = 0; i < 64; ++i) {
    const std::uint32_t round = i / 16;
    std::uint32_t mix = 0, word = 0;
    if (round == 0) {
      mix = (b & c) | (~b & d);
      word = i;
    } else if (round == 1) {
      mix = (d & b) | (~d & c);
      word = (5 * i + 1) % 16;
    } else if (round == 2) {
      mix = b ^ c ^ d;
      word = (3 * i + 5) % 16;
    } else {
      mix = c ^ (b | ~d);
      word = 7 * i % 16;
    }
    const std::uint32_t sum = a + mix + sines()[i] + words[word];
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, kTurns[round][i % 4]);
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
}

}  // namespace

std::uint64_t relabel_hash(std::string_view text) {
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  std::string padded(text);
  padded += '\x80';
  while (padded.size() % kBlock != kBlock - sizeof(std::uint64_t)) padded += '\0';
  const std::uint64_t bits = text.size() * 8;
  char length[sizeof bits];
  std::memcpy(length, &bits, sizeof bits);
  padded.append(length, sizeof bits);
  for (std::size_t at = 0; at < padded.size(); at += kBlock) digest_block(state, &padded[at]);
  const auto big_end = [](std::uint32_t word) {
    return static_cast<std::uint64_t>(__builtin_bswap32(word));
  };
  return big_end(state[2]) << 32U | big_end(state[3]);
}

}  // namespace volta
