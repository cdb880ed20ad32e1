// CRC-32C (Castagnoli), as iSCSI and ext4 use it: reflected polynomial 0x82f63b78, all ones before
// and after. By the processor's instruction where there is one, else by tables.
#pragma once

#include <cstdint>
#include <span>

namespace volta {

// `before` is the CRC of what comes before these bytes.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

// The same by tables, whatever the processor can: for its test.
std::uint32_t crc32c_by_tables(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace volta
