#include "store/seal_troubles.hpp"

#include <algorithm>

namespace volta {

SealTroubles::Trouble SealTroubles::failed(HostId host, std::int64_t end_ms,
                                           std::chrono::nanoseconds now) {
  const auto known = troubles_.find({host, end_ms});
  if (known == troubles_.end()) make_room();
  Trouble& trouble = troubles_[{host, end_ms}];
  if (trouble.failures++ == 0) trouble.since = now;
  trouble.last = now;
  return trouble;
}

void SealTroubles::make_room() {
  if (troubles_.size() < most_) return;
  troubles_.erase(
      std::min_element(troubles_.begin(), troubles_.end(),
                       [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
}

}  // namespace volta
