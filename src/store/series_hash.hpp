// A hash of a series' name and labels with a key of its own: they come from outside, and nobody
// there can choose them so that they collide.
#pragma once

#include <cstdint>

#include "model/series.hpp"
#include "store/keyed_hash.hpp"

namespace volta {

// Thread-safe.
class SeriesHash {
 public:
  // Variants, which differ in nothing else than type, scale, unit, kind and quality, have the same.
  [[nodiscard]] std::uint64_t operator()(const SeriesDef& series) const;

 private:
  HashKey key_ = random_hash_key();
};

}  // namespace volta
