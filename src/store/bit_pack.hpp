// Numbers of a fixed or a known width in bits, low bits first: the loops below the entropy stages.
// They are branch-free per number; bounds are checked by whoever knows the widths, once a stream.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "base/varint.hpp"

namespace volta {

constexpr std::size_t kBitBlock = 128;
// What the readers below may touch behind the last byte that they need.
constexpr std::size_t kBitPadding = 16;

constexpr std::uint64_t low_mask(unsigned width) {
  return width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
}
constexpr std::size_t bits_to_bytes(std::size_t bits) { return (bits + 7) / 8; }

// The `width` (0..64) bits that begin at bit `position`. Touches 16 bytes from position / 8 on.
inline std::uint64_t bits_at(const std::byte* bytes, std::size_t position, unsigned width) {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::memcpy(&low, bytes + position / 8, sizeof low);
  std::memcpy(&high, bytes + position / 8 + 8, sizeof high);
  const unsigned shift = position % 8;
  // Two shifts, since one by 64 is undefined.
  return ((low >> shift) | ((high << 1U) << (63U - shift))) & low_mask(width);
}

// Appends numbers of any width up to 64; finish() pads the last byte with zeros.
class BitWriter {
 public:
  explicit BitWriter(Bytes& out) : out_(out) {}
  // Requires value < 2^width.
  void put(std::uint64_t value, unsigned width) {
    held_ |= value << count_;
    if (count_ + width >= 64) {
      flush(8);
      held_ = count_ == 0 ? 0 : value >> (64U - count_);
      count_ = count_ + width - 64;
    } else {
      count_ += width;
    }
  }
  void finish() {
    flush(bits_to_bytes(count_));
    held_ = 0;
    count_ = 0;
  }

 private:
  void flush(std::size_t bytes) {
    const std::size_t size = out_.size();
    out_.resize(size + bytes);
    if (bytes > 0) std::memcpy(out_.data() + size, &held_, bytes);
  }
  Bytes& out_;
  std::uint64_t held_ = 0;
  unsigned count_ = 0;  // bits in held_, fewer than 64
};

// The size of bit_pack()'s answer, without making it.
std::size_t bit_pack_size(std::span<const std::uint64_t> numbers);
// Appends the numbers in patched blocks: FORMAT.md, stage 1.
void bit_pack(std::span<const std::uint64_t> numbers, Bytes& out);
// Reads numbers.size() numbers from exactly `bytes`. False: these are not such blocks.
bool bit_unpack(std::span<const std::byte> bytes, std::span<std::uint64_t> numbers);

}  // namespace volta
