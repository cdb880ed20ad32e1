#include "store/series_hash.hpp"

namespace volta {

std::uint64_t SeriesHash::operator()(const SeriesDef& series) const {
  std::uint64_t state = keyed_hash(key_[1], series.name, key_);
  for (const auto& [name, value] : series.labels) {
    state = keyed_hash(keyed_hash(state, name, key_), value, key_);
  }
  return state;
}

}  // namespace volta
