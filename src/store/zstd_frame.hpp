// zstd frames without magic, content size or checksum: the pack's CRC and the column's own lengths
// say all that. One object holds the contexts, which are dear to make.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "base/varint.hpp"

namespace volta {

// matches: level 3, for what repeats. codes: little but Huffman codes, for noise, in which matches
// cost more than they save.
enum class ZstdEffort : std::uint8_t { matches, codes };

class ZstdCompressor {
 public:
  ZstdCompressor();
  // Replaces `out` by one frame of `plain`.
  void compress(std::span<const std::byte> plain, ZstdEffort effort, Bytes& out);

 private:
  struct Free {
    void operator()(void* context) const;
  };
  using Context = std::unique_ptr<void, Free>;
  Context matches_;
  Context codes_;
};

// Makes its context, 150 KiB that are cleared, when it first has something to do: most packs' times
// and many columns need none.
class ZstdDecompressor {
 public:
  // The bytes that were written into `plain`. None: no valid frame, or more than fits.
  std::optional<std::size_t> decompress(std::span<const std::byte> frame,
                                        std::span<std::byte> plain);

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

}  // namespace volta
