// The last step of a column: numbers into few bytes, each of several ways being the best for some
// columns. FORMAT.md, "Integers", gives the stages.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/varint.hpp"
#include "store/zstd_frame.hpp"

namespace volta {

// The format's numbers.
enum class Stage : std::uint8_t { zeros = 0, blocks = 1, varints = 2, tokens = 3 };
// What an encoder may do; stages with zstd come in two efforts. The values live in hints.
enum class StageChoice : std::uint8_t {
  any = 0,  // try all, take the smallest
  blocks,
  varint_matches,
  varint_codes,
  token_matches,
  token_codes
};
constexpr std::uint8_t kStageChoices = 6;

// What the numbers would need in tokens with ideal codes, in bits: good enough to tell one way to
// make them from another.
double estimate_bits(std::span<const std::uint64_t> numbers);

class EntropyEncoder {
 public:
  struct Encoded {
    Stage stage = Stage::zeros;
    StageChoice choice = StageChoice::any;  // what to ask for next time
    std::span<const std::byte> bytes;       // until the next call
  };
  // Requires kMostColumnTicks numbers at most.
  Encoded encode(std::span<const std::uint64_t> numbers, StageChoice choice);

 private:
  Encoded all(std::span<const std::uint64_t> numbers);
  void take_if_smaller(Encoded& best, Stage stage, StageChoice choice);
  void make_varints(std::span<const std::uint64_t> numbers);
  void make_tokens(std::span<const std::uint64_t> numbers);
  void finish_tokens(ZstdEffort effort);

  ZstdCompressor zstd_;
  Bytes plain_;  // varints or tokens
  Bytes extra_;  // the tokens' extra bits
  Bytes frame_;
  Bytes attempt_;
  Bytes best_;
};

class EntropyDecoder {
 public:
  // Reads numbers.size() numbers from exactly `bytes`. False: they are not that. `stage` may be any
  // number that came in.
  bool decode(unsigned stage, std::span<const std::byte> bytes, std::span<std::uint64_t> numbers);

 private:
  bool varints(std::span<const std::byte> frame, std::span<std::uint64_t> numbers);
  bool tokens(std::span<const std::byte> bytes, std::span<std::uint64_t> numbers);

  ZstdDecompressor zstd_;
  Bytes plain_;
  Bytes extra_;
};

}  // namespace volta
