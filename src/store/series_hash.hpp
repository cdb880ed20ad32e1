// A hash of a series' name and labels with a key of its own: they come from outside, and nobody
// there can choose them so that they collide.
#pragma once

#include <array>
#include <cstdint>

#include "model/series.hpp"

namespace volta {

// Thread-safe.
class SeriesHash {
 public:
  SeriesHash();
  // Variants, which differ in nothing else than type, scale, unit, kind and quality, have the same.
  [[nodiscard]] std::uint64_t operator()(const SeriesDef& series) const;

 private:
  std::array<std::uint64_t, 2> key_{};
};

}  // namespace volta
