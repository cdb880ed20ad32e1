#include "store/id_hash_set.hpp"

#include "base/assert.hpp"

namespace volta {

void IdHashSet::put(const Place& place) {
  std::size_t at = home(place.tag);
  while (places_[at].id != SeriesId{}) at = next(at);
  places_[at] = place;
}

void IdHashSet::grow() {
  std::vector<Place> before(places_.size() + places_.size() / 4 + 8);
  before.swap(places_);
  for (const Place& place : before) {
    if (place.id != SeriesId{}) put(place);
  }
}

void IdHashSet::insert(std::uint64_t hash, SeriesId id) {
  VOLTA_ASSERT(id != SeriesId{});
  if ((size_ + 1) * 5 > places_.size() * 4) grow();
  put({id, tag_of(hash)});
  ++size_;
}

// What stands behind the gap moves up, as far as it may stand there.
void IdHashSet::erase(std::uint64_t hash, SeriesId id) {
  VOLTA_ASSERT(size_ > 0);
  std::size_t gap = home(tag_of(hash));
  while (places_[gap].id != id) {
    VOLTA_ASSERT(places_[gap].id != SeriesId{});
    gap = next(gap);
  }
  const auto way = [&](std::size_t from, std::size_t to) {
    return to >= from ? to - from : to + places_.size() - from;
  };
  for (std::size_t at = next(gap); places_[at].id != SeriesId{}; at = next(at)) {
    if (way(home(places_[at].tag), at) < way(gap, at)) continue;
    places_[gap] = places_[at];
    gap = at;
  }
  places_[gap] = {};
  --size_;
}

}  // namespace volta
