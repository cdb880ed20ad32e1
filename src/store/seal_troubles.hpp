// Windows that cannot be sealed: since when, and how often that was tried. What is sealed or given
// up is forgotten; but some windows never come again, since their host was removed.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <utility>

#include "model/series.hpp"

namespace volta {

class SealTroubles {
 public:
  // Where there are more, the one that was tried least recently is forgotten, and counts anew.
  explicit SealTroubles(std::size_t most = 10'000) : most_(most) {}

  struct Trouble {
    std::chrono::nanoseconds since{0};  // monotonic, as all times here
    std::chrono::nanoseconds last{0};
    int failures = 0;
  };
  // It failed now, perhaps once more.
  Trouble failed(HostId host, std::int64_t end_ms, std::chrono::nanoseconds now);
  void forget(HostId host, std::int64_t end_ms) { troubles_.erase({host, end_ms}); }
  [[nodiscard]] std::size_t size() const { return troubles_.size(); }

 private:
  void make_room();

  const std::size_t most_;
  std::map<std::pair<HostId, std::int64_t>, Trouble> troubles_;  // of windows, by their ends
};

}  // namespace volta
