// A run of 64-bit integers as differences of order 0, 1 or 2, their common divisor taken out.
// Arithmetic wraps around, so counters near 2^64 are exact. FORMAT.md, "Integers".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "store/entropy.hpp"

namespace volta {

// What suited the last run; see ColumnHint. shape 0: unknown, else 1 + order + 3 * zigzag.
struct IntegerHint {
  std::uint8_t shape = 0;
  StageChoice stage = StageChoice::any;
};

class IntegerEncoder {
 public:
  // Appends them to `out`. Nothing for no integers.
  void encode(std::span<const std::uint64_t> integers, IntegerHint& hint, Bytes& out);

 private:
  struct Shape {
    unsigned order = 0;
    bool zigzag = false;
  };
  // Base and divisor of differences, which stand in differences_.
  struct Reduced {
    std::uint64_t base = 0;
    std::uint64_t divisor = 1;
  };

  void differentiate(std::span<const std::uint64_t> integers, unsigned order);
  Reduced reduce(bool around_middle);
  void put(std::span<const std::uint64_t> integers, Shape shape, const Reduced& reduced,
           IntegerHint& hint, Bytes& out);
  bool put_line(std::span<const std::uint64_t> integers, Bytes& out);
  Shape best_shape(std::span<const std::uint64_t> integers);

  EntropyEncoder entropy_;
  std::vector<std::uint64_t> differences_;
  std::vector<std::uint64_t> numbers_;
  std::vector<std::uint64_t> sample_;
};

class IntegerDecoder {
 public:
  // Reads integers.size() integers from exactly `bytes`. False: they are not that.
  bool decode(std::span<const std::byte> bytes, std::span<std::uint64_t> integers);

 private:
  EntropyDecoder entropy_;
};

}  // namespace volta
