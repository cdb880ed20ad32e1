#include "app/export_walk.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace volta {
namespace {

constexpr std::int64_t kShortestBlindSliceMs = 6 * 3'600'000LL;

}  // namespace

// Nobody knows how old the oldest sample is, but what there is gets denser towards now: half the
// way there is a slice that is rarely refused, and a few of them cross the empty decades. Before
// 1970 there is hardly ever anything.
std::int64_t ExportWalk::end_of_slice(std::int64_t from, std::int64_t last) const {
  const std::int64_t blind =
      from < 0 ? -from : std::max(kShortestBlindSliceMs, now_ms_ / 2 - from / 2);
  const std::int64_t length = std::min(slice_ms_, blind);
  return last - from < length ? last : from + length - 1;
}

void ExportWalk::learn(std::int64_t length, std::size_t samples) {
  if (samples > aim_) {
    const double share = static_cast<double>(aim_) / static_cast<double>(samples);
    slice_ms_ =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(length) * share));
  } else if (samples < aim_ / 4 && length >= slice_ms_) {
    slice_ms_ = slice_ms_ > INT64_MAX / 2 ? INT64_MAX : slice_ms_ * 2;
  }
}

void ExportWalk::run(Series series, TimeSpan span, const Visit& visit) {
  for (std::int64_t from = span.start_ms; from <= span.end_ms;) {
    const std::int64_t to = end_of_slice(from, span.end_ms);
    auto found = read_(series, {from, to});
    if (!found) {
      if (to == from) throw Failure("the series have too many samples at one time to be read");
      slice_ms_ = std::max<std::int64_t>(1, (to - from + 1) / 2);
      continue;
    }
    std::size_t samples = 0;
    for (LabeledSamples& one : *found) {
      samples += one.values.size();
      if (!one.values.empty()) visit(std::move(one));
    }
    learn(to - from + 1, samples);
    if (to == span.end_ms) return;
    from = to + 1;
  }
}

}  // namespace volta
