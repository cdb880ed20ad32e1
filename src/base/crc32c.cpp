#include "base/crc32c.hpp"

#include <array>
#include <cstring>

namespace volta {
namespace {

constexpr std::uint32_t kCrcPolynomial = 0x82f6'3b78;
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

// tables[t][b]: what byte b does to the CRC when t bytes follow it in a group of eight.
constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kCrcPolynomial : 0U);
    tables[0][byte] = crc;
  }
  for (std::size_t t = 1; t < 8; ++t) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[t - 1][byte];
      tables[t][byte] = (crc >> 8U) ^ tables[0][crc & 0xffU];
    }
  }
  return tables;
}
constexpr CrcTables kCrcTables = make_crc_tables();

std::uint64_t load_eight(const std::byte* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(
    std::span<const std::byte> bytes, std::uint32_t before) {
  std::uint64_t crc = ~before;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) crc = __builtin_ia32_crc32di(crc, load_eight(at));
  auto low = static_cast<std::uint32_t>(crc);
  for (; left > 0; --left, ++at) low = __builtin_ia32_crc32qi(low, static_cast<unsigned char>(*at));
  return ~low;
}
bool has_crc_instruction() {
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  return has;
}
#else
std::uint32_t crc32c_by_instruction(std::span<const std::byte> bytes, std::uint32_t before) {
  return crc32c_by_tables(bytes, before);
}
bool has_crc_instruction() { return false; }
#endif

}  // namespace

std::uint32_t crc32c_by_tables(std::span<const std::byte> bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    const std::uint64_t word = load_eight(at) ^ crc;
    crc = 0;
    for (std::size_t byte = 0; byte < 8; ++byte)
      crc ^= kCrcTables[7 - byte][(word >> (8 * byte)) & 0xffU];
  }
  for (; left > 0; --left, ++at)
    crc = (crc >> 8U) ^ kCrcTables[0][(crc ^ static_cast<std::uint32_t>(*at)) & 0xffU];
  return ~crc;
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
  return has_crc_instruction() ? crc32c_by_instruction(bytes, before)
                               : crc32c_by_tables(bytes, before);
}

}  // namespace volta
