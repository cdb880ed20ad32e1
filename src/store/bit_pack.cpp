#include "store/bit_pack.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "base/assert.hpp"

namespace volta {
namespace {

struct BlockPlan {
  unsigned width = 0;
  std::size_t patches = 0;
  std::size_t bytes = 0;
};

std::size_t varint_length(unsigned bits) { return bits == 0 ? 1 : (bits + 6) / 7; }

// The width at which the block is smallest: what is wider costs its place and its upper bits.
BlockPlan plan_block(std::span<const std::uint64_t> block) {
  std::array<std::uint8_t, 65> count{};
  for (const auto number : block) ++count[static_cast<std::size_t>(std::bit_width(number))];
  unsigned widest = 64;
  while (widest > 0 && count[widest] == 0) --widest;
  BlockPlan best{widest, 0, 2 + bits_to_bytes(block.size() * widest)};
  std::size_t patches = 0;
  for (unsigned width = widest; width-- > 0;) {
    patches += count[width + 1];
    std::size_t bytes = 2 + bits_to_bytes(block.size() * width);
    if (bytes + 2 * patches >= best.bytes) {
      if (patches > block.size() / 2) break;
      continue;
    }
    for (unsigned bits = width + 1; bits <= widest; ++bits)
      bytes += count[bits] * (1 + varint_length(bits - width));
    if (bytes < best.bytes) best = {width, patches, bytes};
  }
  return best;
}

void put_block(std::span<const std::uint64_t> block, Bytes& out) {
  const BlockPlan plan = plan_block(block);
  out.push_back(static_cast<std::byte>(plan.width));
  out.push_back(static_cast<std::byte>(plan.patches));
  BitWriter bits(out);
  for (const auto number : block) bits.put(number & low_mask(plan.width), plan.width);
  bits.finish();
  if (plan.patches == 0) return;
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (block[i] <= low_mask(plan.width)) continue;
    out.push_back(static_cast<std::byte>(i));
    put_varint(out, block[i] >> plan.width);
  }
}

void unpack_fields(const std::byte* bytes, unsigned width, std::span<std::uint64_t> numbers) {
  const std::uint64_t mask = low_mask(width);
  std::size_t position = 0;
  if (width > 56) {
    for (auto& number : numbers) {
      number = bits_at(bytes, position, width);
      position += width;
    }
    return;
  }
  for (auto& number : numbers) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + position / 8, sizeof word);
    number = (word >> (position % 8)) & mask;
    position += width;
  }
}

bool unpack_block(ByteReader& in, std::span<std::uint64_t> numbers) {
  const auto head = in.take(2);
  if (head.empty()) return false;
  const auto width = static_cast<unsigned>(head[0]);
  const auto patches = static_cast<std::size_t>(head[1]);
  if (width > 64 || patches > numbers.size()) return false;
  const std::size_t length = bits_to_bytes(numbers.size() * width);
  const auto fields = in.take(length);
  if (fields.size() != length) return false;
  if (in.left() >= kBitPadding) {
    unpack_fields(fields.data(), width, numbers);
  } else {
    std::array<std::byte, kBitBlock * 8 + kBitPadding> padded{};
    std::copy(fields.begin(), fields.end(), padded.begin());
    unpack_fields(padded.data(), width, numbers);
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < patches; ++i) {
    const auto place = in.take(1);
    const auto upper = in.varint();
    if (in.failed() || width == 64) return false;
    const auto at = static_cast<std::size_t>(place[0]);
    if (at < next || at >= numbers.size() || upper > (~std::uint64_t{0} >> width)) return false;
    numbers[at] |= upper << width;
    next = at + 1;
  }
  return true;
}

}  // namespace

std::size_t bit_pack_size(std::span<const std::uint64_t> numbers) {
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < numbers.size(); at += kBitBlock)
    bytes += plan_block(numbers.subspan(at, std::min(kBitBlock, numbers.size() - at))).bytes;
  return bytes;
}

void bit_pack(std::span<const std::uint64_t> numbers, Bytes& out) {
  for (std::size_t at = 0; at < numbers.size(); at += kBitBlock)
    put_block(numbers.subspan(at, std::min(kBitBlock, numbers.size() - at)), out);
}

bool bit_unpack(std::span<const std::byte> bytes, std::span<std::uint64_t> numbers) {
  ByteReader in(bytes);
  for (std::size_t at = 0; at < numbers.size(); at += kBitBlock) {
    if (!unpack_block(in, numbers.subspan(at, std::min(kBitBlock, numbers.size() - at))))
      return false;
  }
  return in.left() == 0;
}

}  // namespace volta
