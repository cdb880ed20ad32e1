// A column of an answer while packs, the journal and the head add to it, for hosts and for foreign
// samples alike.
#pragma once

#include <cstdint>
#include <vector>

#include "model/store.hpp"

namespace volta {

// A time may come twice and out of order until finish().
struct GrowingColumn {
  // Samples from here on were accepted then.
  struct Piece {
    std::size_t first = 0;
    std::int64_t accepted = 0;
  };
  std::vector<std::int64_t> times_ms;
  std::vector<double> values;
  std::vector<Piece> pieces;

  void begin(std::int64_t accepted) {
    if (pieces.empty() || pieces.back().accepted != accepted) {
      pieces.push_back({times_ms.size(), accepted});
    }
  }
  void add(std::int64_t time_ms, double value, std::int64_t order) {
    begin(order);
    times_ms.push_back(time_ms);
    values.push_back(value);
  }
  // Each time comes once, and in order.
  [[nodiscard]] bool rises() const;
  void append(GrowingColumn&& later);
  // In rising time; of several for one time the last accepted, of these the last added. The column
  // is spent.
  void finish(SampleColumn& out);
};

}  // namespace volta
