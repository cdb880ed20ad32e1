#include "store/growing_column.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace volta {

bool GrowingColumn::rises() const {
  return std::adjacent_find(times_ms.begin(), times_ms.end(), std::greater_equal<>()) ==
         times_ms.end();
}

void GrowingColumn::append(GrowingColumn&& later) {
  if (times_ms.empty()) {
    *this = std::move(later);
    return;
  }
  for (const Piece& piece : later.pieces) {
    pieces.push_back({times_ms.size() + piece.first, piece.accepted});
  }
  times_ms.insert(times_ms.end(), later.times_ms.begin(), later.times_ms.end());
  values.insert(values.end(), later.values.begin(), later.values.end());
  later = {};
}

void GrowingColumn::finish(SampleColumn& out) {
  if (rises()) {
    out.times_ms = std::move(times_ms);
    out.values = std::move(values);
    return;
  }
  std::vector<std::int64_t> accepted(times_ms.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::size_t to = i + 1 < pieces.size() ? pieces[i + 1].first : accepted.size();
    std::fill(accepted.begin() + static_cast<std::ptrdiff_t>(pieces[i].first),
              accepted.begin() + static_cast<std::ptrdiff_t>(to), pieces[i].accepted);
  }
  std::vector<std::uint32_t> order(times_ms.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(times_ms[a], accepted[a]) < std::pair(times_ms[b], accepted[b]);
  });
  for (const std::uint32_t at : order) {
    if (!out.times_ms.empty() && out.times_ms.back() == times_ms[at]) {
      out.values.back() = values[at];
    } else {
      out.times_ms.push_back(times_ms[at]);
      out.values.push_back(values[at]);
    }
  }
}

}  // namespace volta
