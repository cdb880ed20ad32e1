// A set of series ids, found by a hash of what they stand for: some ten bytes each, in one piece.
#pragma once

#include <cstdint>
#include <vector>

#include "model/series.hpp"

namespace volta {

// One thread. Hashes must be such that nobody outside can make many of them equal: SeriesHash.
class IdHashSet {
 public:
  // Requires that it is not there yet, and is not SeriesId{}.
  void insert(std::uint64_t hash, SeriesId id);
  // Requires that it is there, under this hash.
  void erase(std::uint64_t hash, SeriesId id);
  [[nodiscard]] std::size_t size() const { return size_; }

  // visit(id) for each that has the hash, and perhaps, seldom, for others.
  template <typename Visit>
  void each(std::uint64_t hash, const Visit& visit) const {
    if (size_ == 0) return;
    for (std::size_t at = home(tag_of(hash)); places_[at].id != SeriesId{}; at = next(at)) {
      if (places_[at].tag == tag_of(hash)) visit(places_[at].id);
    }
  }
  // visit(id) for all, in no order.
  template <typename Visit>
  void each(const Visit& visit) const {
    for (const Place& place : places_) {
      if (place.id != SeriesId{}) visit(place.id);
    }
  }

 private:
  struct Place {
    SeriesId id{};  // SeriesId{}: it is free
    std::uint32_t tag = 0;
  };
  static std::uint32_t tag_of(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32U);
  }
  // Where the search for the tag begins.
  [[nodiscard]] std::size_t home(std::uint32_t tag) const {
    return static_cast<std::size_t>(std::uint64_t{tag} * places_.size() >> 32U);
  }
  [[nodiscard]] std::size_t next(std::size_t at) const {
    return at + 1 == places_.size() ? 0 : at + 1;
  }
  void put(const Place& place);
  void grow();

  std::vector<Place> places_;  // four of five are taken at most
  std::size_t size_ = 0;
};

}  // namespace volta
