// zstd frames that say, or hide, that they inflate to more than a decoder may hold.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include <catch2/catch.hpp>
#include <zstd.h>

#include "base/varint.hpp"

namespace volta::test {

// A frame of zeros; its size is declared only if so wanted.
inline Bytes zeros_frame(std::size_t size, bool declared) {
  const Bytes zeros(size);
  Bytes frame(ZSTD_compressBound(size));
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, declared ? 1 : 0);
  const std::size_t got =
      ZSTD_compress2(context, frame.data(), frame.size(), zeros.data(), zeros.size());
  ZSTD_freeCCtx(context);
  REQUIRE(ZSTD_isError(got) == 0);
  frame.resize(got);
  return frame;
}

// An empty frame whose head declares 2^50 bytes: who makes room for them first throws.
inline Bytes lying_frame() {
  constexpr std::array<unsigned char, 16> frame{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0,
                                                0,    0,    0,    4,    0,    1, 0, 0};
  Bytes bytes;
  for (const unsigned char each : frame) bytes.push_back(static_cast<std::byte>(each));
  REQUIRE(ZSTD_getFrameContentSize(bytes.data(), bytes.size()) == 1ULL << 50U);
  return bytes;
}

inline std::vector<Bytes> zstd_bombs(std::size_t limit) {
  return {zeros_frame(limit + 1, true), zeros_frame(1000, false), lying_frame()};
}

}  // namespace volta::test
