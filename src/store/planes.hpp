// Doubles that never were integers: each xor the one before, taken apart into eight planes of
// bytes, of which sign and exponent are mostly zero. FORMAT.md, "Kind 3".
#pragma once

#include <cstdint>
#include <span>

#include "store/zstd_frame.hpp"

namespace volta {

class PlaneEncoder {
 public:
  // Appends the planes of any number of values.
  void encode(std::span<const std::uint64_t> raw, Bytes& out);

 private:
  ZstdCompressor zstd_;
  Bytes plane_;
  Bytes frame_;
};

class PlaneDecoder {
 public:
  // Reads raw.size() values from exactly `bytes`. False: they are not that.
  bool decode(std::span<const std::byte> bytes, std::span<std::uint64_t> raw);

 private:
  ZstdDecompressor zstd_;
  Bytes plane_;
};

}  // namespace volta
