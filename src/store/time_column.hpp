// The times of a window, once for all columns that share them: a grid and what they are beside it.
// FORMAT.md, "Time column".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "store/integers.hpp"

namespace volta {

// Any times strictly rising.
bool rises(std::span<const std::int64_t> times_ms);

class TimeColumnEncoder {
 public:
  // Appends the column. Requires rises(times_ms).
  void encode(std::span<const std::int64_t> times_ms, Bytes& out);

 private:
  IntegerEncoder integers_;
  std::vector<std::uint64_t> residuals_;
};

class TimeColumnDecoder {
 public:
  // Appends the times of exactly `bytes`, `most` of them at most. False: they are not that, or do
  // not rise.
  bool decode(std::span<const std::byte> bytes, std::size_t most,
              std::vector<std::int64_t>& times_ms);

 private:
  IntegerDecoder integers_;
  std::vector<std::uint64_t> residuals_;
};

}  // namespace volta
