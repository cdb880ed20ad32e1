// What the writer and the reader of packs must agree on beside their order: FORMAT.md.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/varint.hpp"

namespace volta {

// 'V' 'P' 'K' and the version.
constexpr std::array<std::byte, 4> kPackMagic = {std::byte{'V'}, std::byte{'P'}, std::byte{'K'},
                                                 std::byte{1}};
// Columns up to this length lie in the head.
constexpr std::size_t kSmallColumn = 24;
constexpr unsigned kTypeMask = 3;
constexpr unsigned kPartBit = 4;
constexpr unsigned kTimesBit = 8;

inline void put_u32(Bytes& out, std::uint32_t value) {
  for (unsigned byte = 0; byte < 4; ++byte)
    out.push_back(static_cast<std::byte>(value >> (8 * byte)));
}

// Requires four bytes.
inline std::uint32_t u32_of(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (std::size_t byte = 0; byte < 4; ++byte)
    value |= static_cast<std::uint32_t>(bytes[byte]) << (8 * byte);
  return value;
}

}  // namespace volta
