#include "store/entropy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "store/bit_pack.hpp"

namespace volta {
namespace {

struct Token {
  std::uint8_t token = 0;
  std::uint8_t extra_bits = 0;
};

Token token_of(std::uint64_t number) {
  if (number < 16) return {static_cast<std::uint8_t>(number), 0};
  const auto highest = static_cast<unsigned>(std::bit_width(number)) - 1;
  const auto two = static_cast<unsigned>(number >> (highest - 2)) & 3U;
  return {static_cast<std::uint8_t>(16 + 4 * (highest - 4) + two),
          static_cast<std::uint8_t>(highest - 2)};
}

// Below it no frame holds two different bytes: its head has 2, that of a block 3, and what stands
// in a compressed one is 5 at least.
constexpr std::size_t kLeastFrame = 10;
// So few numbers never repeat so much that a frame pays.
constexpr std::size_t kFewestForFrames = 8;
// zstd makes no Huffman codes for fewer literals.
constexpr std::size_t kFewestForCodes = 64;

struct TokenTable {
  std::array<std::uint64_t, 256> base{};
  std::array<std::uint8_t, 256> extra_bits{};
};
constexpr TokenTable make_token_table() {
  TokenTable table;
  for (unsigned token = 0; token < 256; ++token) {
    if (token < 16) {
      table.base[token] = token;
      continue;
    }
    const unsigned highest = 4 + (token - 16) / 4;
    table.extra_bits[token] = static_cast<std::uint8_t>(highest - 2);
    table.base[token] = static_cast<std::uint64_t>(4 + (token - 16) % 4) << (highest - 2);
  }
  return table;
}
constexpr TokenTable kTokenTable = make_token_table();

// n * log2(n), for n > 0; a column's numbers are mostly few, and a logarithm takes long.
double times_its_log2(std::size_t n) {
  constexpr std::size_t kTabled = 512;
  static const auto table = [] {
    std::array<double, kTabled> values{};
    for (std::size_t i = 1; i < kTabled; ++i) {
      values[i] = static_cast<double>(i) * std::log2(static_cast<double>(i));
    }
    return values;
  }();
  return n < kTabled ? table[n] : static_cast<double>(n) * std::log2(static_cast<double>(n));
}

constexpr std::uint64_t kContinuations = 0x8080'8080'8080'8080;

// The seven low bits of each byte, put together.
std::uint64_t join_sevens(std::uint64_t word) {
  word &= ~kContinuations;
  word = (word & 0x007f'007f'007f'007f) | ((word & 0x7f00'7f00'7f00'7f00) >> 1U);
  word = (word & 0x0000'3fff'0000'3fff) | ((word & 0x3fff'0000'3fff'0000) >> 2U);
  return (word & 0x0fff'ffff) | ((word & 0x0fff'ffff'0000'0000) >> 4U);
}

// From exactly `end - at` bytes; kBitPadding readable bytes stand behind them. A varint that has no
// end in its first eight bytes is left to ByteReader.
bool read_varints(const std::byte* at, const std::byte* end, std::span<std::uint64_t> numbers) {
  std::size_t i = 0;
  while (i < numbers.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    if ((word & kContinuations) == 0 && numbers.size() - i >= 8) {
      for (unsigned byte = 0; byte < 8; ++byte) numbers[i + byte] = (word >> (8 * byte)) & 0xffU;
      i += 8;
      at += 8;
    } else if (const std::uint64_t ends = ~word & kContinuations; ends != 0) {
      const auto bits = static_cast<unsigned>(std::countr_zero(ends)) + 1;
      numbers[i++] = join_sevens(word & low_mask(bits));
      at += bits / 8;
    } else {
      if (at >= end) return false;
      ByteReader slow({at, end});
      numbers[i++] = slow.varint();
      if (slow.failed()) return false;
      at = end - slow.left();
    }
    if (at > end) return false;
  }
  return at == end;
}

}  // namespace

double estimate_bits(std::span<const std::uint64_t> numbers) {
  std::array<std::uint32_t, 256> count{};
  std::uint64_t extra = 0;
  std::size_t tokens = 0;  // that may have come
  for (const auto number : numbers) {
    const Token token = token_of(number);
    ++count[token.token];
    extra += token.extra_bits;
    tokens = std::max<std::size_t>(tokens, token.token + 1U);
  }
  double bits = static_cast<double>(extra) + times_its_log2(numbers.size());
  for (std::size_t token = 0; token < tokens; ++token) {
    if (count[token] > 0) bits += 3 - times_its_log2(count[token]);
  }
  return bits;
}

void EntropyEncoder::make_varints(std::span<const std::uint64_t> numbers) {
  plain_.resize(numbers.size() * 10);
  std::byte* at = plain_.data();
  for (auto number : numbers) {
    for (; number >= 0x80; number >>= 7U) *at++ = static_cast<std::byte>(number | 0x80U);
    *at++ = static_cast<std::byte>(number);
  }
  plain_.resize(static_cast<std::size_t>(at - plain_.data()));
}

void EntropyEncoder::make_tokens(std::span<const std::uint64_t> numbers) {
  plain_.resize(numbers.size());
  extra_.clear();
  BitWriter bits(extra_);
  std::byte* at = plain_.data();
  for (const auto number : numbers) {
    const Token token = token_of(number);
    *at++ = static_cast<std::byte>(token.token);
    bits.put(number & low_mask(token.extra_bits), token.extra_bits);
  }
  bits.finish();
}

void EntropyEncoder::finish_tokens(ZstdEffort effort) {
  zstd_.compress(plain_, effort, frame_);
  attempt_.clear();
  put_varint(attempt_, frame_.size());
  attempt_.insert(attempt_.end(), frame_.begin(), frame_.end());
  attempt_.insert(attempt_.end(), extra_.begin(), extra_.end());
}

void EntropyEncoder::take_if_smaller(Encoded& best, Stage stage, StageChoice choice) {
  if (best.choice != StageChoice::any && attempt_.size() >= best.bytes.size()) return;
  best_.swap(attempt_);
  best = {stage, choice, best_};
}

// The smallest; what cannot be it is not made.
EntropyEncoder::Encoded EntropyEncoder::all(std::span<const std::uint64_t> numbers) {
  Encoded best;
  attempt_.clear();
  bit_pack(numbers, attempt_);
  take_if_smaller(best, Stage::blocks, StageChoice::blocks);
  if (numbers.size() < kFewestForFrames || best.bytes.size() <= kLeastFrame) return best;
  const bool codes = numbers.size() >= kFewestForCodes;
  // Numbers below 16 are tokens and varints alike, and a frame of tokens has its length before it.
  if (std::any_of(numbers.begin(), numbers.end(), [](std::uint64_t u) { return u >= 16; })) {
    make_tokens(numbers);
    if (codes) {
      finish_tokens(ZstdEffort::codes);
      take_if_smaller(best, Stage::tokens, StageChoice::token_codes);
    }
    finish_tokens(ZstdEffort::matches);
    take_if_smaller(best, Stage::tokens, StageChoice::token_matches);
  }
  make_varints(numbers);
  if (codes || plain_.size() >= kFewestForCodes) {
    zstd_.compress(plain_, ZstdEffort::codes, attempt_);
    take_if_smaller(best, Stage::varints, StageChoice::varint_codes);
  }
  zstd_.compress(plain_, ZstdEffort::matches, attempt_);
  take_if_smaller(best, Stage::varints, StageChoice::varint_matches);
  return best;
}

EntropyEncoder::Encoded EntropyEncoder::encode(std::span<const std::uint64_t> numbers,
                                               StageChoice choice) {
  if (std::all_of(numbers.begin(), numbers.end(), [](std::uint64_t u) { return u == 0; }))
    return {Stage::zeros, StageChoice::any, {}};
  Encoded made;
  switch (choice) {
    case StageChoice::blocks:
      attempt_.clear();
      bit_pack(numbers, attempt_);
      take_if_smaller(made, Stage::blocks, choice);
      return made;
    case StageChoice::varint_matches:
    case StageChoice::varint_codes:
      make_varints(numbers);
      zstd_.compress(plain_,
                     choice == StageChoice::varint_codes ? ZstdEffort::codes : ZstdEffort::matches,
                     attempt_);
      take_if_smaller(made, Stage::varints, choice);
      return made;
    case StageChoice::token_matches:
    case StageChoice::token_codes:
      make_tokens(numbers);
      finish_tokens(choice == StageChoice::token_codes ? ZstdEffort::codes : ZstdEffort::matches);
      take_if_smaller(made, Stage::tokens, choice);
      return made;
    case StageChoice::any:
      break;
  }
  return all(numbers);
}

bool EntropyDecoder::varints(std::span<const std::byte> frame, std::span<std::uint64_t> numbers) {
  const std::size_t most = numbers.size() * 10;
  if (plain_.size() < most + kBitPadding) plain_.resize(most + kBitPadding);
  const auto length = zstd_.decompress(frame, std::span(plain_).first(most));
  if (!length) return false;
  std::memset(plain_.data() + *length, 0, kBitPadding);
  return read_varints(plain_.data(), plain_.data() + *length, numbers);
}

bool EntropyDecoder::tokens(std::span<const std::byte> bytes, std::span<std::uint64_t> numbers) {
  ByteReader in(bytes);
  const std::uint64_t frame_length = in.varint();
  if (frame_length > in.left()) return false;
  const auto frame = in.take(static_cast<std::size_t>(frame_length));
  if (plain_.size() < numbers.size()) plain_.resize(numbers.size());
  const auto made = zstd_.decompress(frame, std::span(plain_).first(numbers.size()));
  if (!made || *made != numbers.size()) return false;
  std::size_t bits = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    bits += kTokenTable.extra_bits[static_cast<std::uint8_t>(plain_[i])];
  if (in.left() != bits_to_bytes(bits)) return false;
  const auto extra = in.take(in.left());
  if (extra_.size() < extra.size() + kBitPadding) extra_.resize(extra.size() + kBitPadding);
  if (!extra.empty()) std::memcpy(extra_.data(), extra.data(), extra.size());
  std::size_t position = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto token = static_cast<std::uint8_t>(plain_[i]);
    const unsigned width = kTokenTable.extra_bits[token];
    numbers[i] = kTokenTable.base[token] + bits_at(extra_.data(), position, width);
    position += width;
  }
  return true;
}

bool EntropyDecoder::decode(unsigned stage, std::span<const std::byte> bytes,
                            std::span<std::uint64_t> numbers) {
  if (stage == static_cast<unsigned>(Stage::zeros)) {
    std::fill(numbers.begin(), numbers.end(), std::uint64_t{0});
    return bytes.empty();
  }
  if (numbers.empty()) return false;
  if (stage == static_cast<unsigned>(Stage::blocks)) return bit_unpack(bytes, numbers);
  if (stage == static_cast<unsigned>(Stage::varints)) return varints(bytes, numbers);
  return stage == static_cast<unsigned>(Stage::tokens) && tokens(bytes, numbers);
}

}  // namespace volta
