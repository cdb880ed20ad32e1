// Part of a write that a receiver refused for good, and how it is divided further: one sample
// that is out of bounds must not take all others with it. What is wrong is a series (a broken
// label, too many series) or a time (too old, too far ahead), so a part is halved by either, and by
// the other where that led nowhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "model/sample_sink.hpp"

namespace volta {

class RefusedPart {
 public:
  explicit RefusedPart(std::span<const LabeledSamples> series)
      : series_(series.begin(), series.end()) {}

  [[nodiscard]] std::span<const LabeledSamples> series() const { return series_; }
  [[nodiscard]] std::size_t samples() const;
  // Two halves that hold all of it, neither empty. Empty: nothing is left to divide, or dividing a
  // single series has shown often enough that none of it is taken.
  [[nodiscard]] std::optional<std::pair<RefusedPart, RefusedPart>> halves() const;
  // What became of the other half of what this is a half of. If it was refused as well, the next
  // halving goes the other way.
  void other_half(bool refused) {
    if (refused) by_time_ = !by_time_;
    in_vain_ = refused ? in_vain_ + 1 : 0;
  }

 private:
  [[nodiscard]] std::optional<std::pair<RefusedPart, RefusedPart>> by_series() const;
  [[nodiscard]] std::optional<std::pair<RefusedPart, RefusedPart>> by_time() const;
  // Of the same history as this one.
  [[nodiscard]] RefusedPart with(std::vector<LabeledSamples> series, bool by_time) const;

  std::vector<LabeledSamples> series_;
  bool by_time_ = false;
  unsigned in_vain_ = 0;  // halvings in a row of which neither half was taken
};

enum class PartFate : std::uint8_t { taken, refused, later };
using SendPart = std::function<PartFate(std::span<const LabeledSamples>)>;

struct Division {
  bool finished = true;       // false: a part was to come later, and nothing was sent behind it
  std::size_t refused = 0;    // samples
  std::size_t undivided = 0;  // of these, in parts that might have been divided further
};

// Sends what was refused as a whole in halves, and each that is refused in halves again.
Division send_divided(std::span<const LabeledSamples> series, std::size_t most_halvings,
                      const SendPart& send);

}  // namespace volta
