// Doubles that were integers once: an exporter divided or multiplied them by a power of ten. A mode
// is one such arithmetic; FORMAT.md lists them. A mode is taken only for what it gives back bit by
// bit, so nothing depends on how well a guess was founded.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace volta {

struct FloatMode {
  std::uint8_t mode = 0;  // 0: the bits themselves
  std::uint8_t exponent = 0;
};
inline bool operator==(const FloatMode& a, const FloatMode& b) {
  return a.mode == b.mode && a.exponent == b.exponent;
}

// A mode that the format knows. Everything below requires it.
bool is_float_mode(FloatMode mode);

// A value that the mode does not give: its place and its bits.
struct FloatException {
  std::uint32_t position = 0;
  std::uint64_t bits = 0;
};

// Finds and applies modes. One thread; keeps its buffers.
class FloatModeEncoder {
 public:
  // The integers for raw doubles in that mode, and what it cannot say. False: there are more than
  // one exception in 32 values and one.
  bool apply(std::span<const std::uint64_t> raw, FloatMode mode);
  // The mode with the fewest exceptions and, of those, the smallest integers; applied. False: none
  // will do.
  bool find(std::span<const std::uint64_t> raw, FloatMode& mode);

  // Of the last mode that was applied.
  [[nodiscard]] std::span<const std::uint64_t> integers() const { return integers_; }
  [[nodiscard]] std::span<const FloatException> exceptions() const { return exceptions_; }

 private:
  [[nodiscard]] bool fits_sample(FloatMode mode) const;

  std::vector<std::uint64_t> integers_;
  std::vector<FloatException> exceptions_;
  std::vector<std::uint64_t> sample_;
};

// integers[i] -> the double that it stands for, as bits or as a double.
void float_values(FloatMode mode, std::span<const std::uint64_t> integers,
                  std::span<std::uint64_t> raw);
void float_values(FloatMode mode, std::span<const std::uint64_t> integers,
                  std::span<double> values);

}  // namespace volta
