// A set of numbers as spans, for what need not be delivered any more: few spans, whatever the
// numbers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "uplink/spool_record.hpp"

namespace volta {

class NumberSet {
 public:
  void add(NumberSpan span) {
    if (span.last <= span.after) return;
    const auto touches = [&](const NumberSpan& old) {
      return old.after <= span.last && span.after <= old.last;
    };
    for (const NumberSpan& old : spans_) {
      if (!touches(old)) continue;
      span.after = std::min(span.after, old.after);
      span.last = std::max(span.last, old.last);
    }
    std::erase_if(spans_, touches);
    const auto behind = std::find_if(spans_.begin(), spans_.end(),
                                     [&](const NumberSpan& old) { return old.after > span.after; });
    spans_.insert(behind, span);
  }
  // Forgets all up to this number.
  void forget_to(std::uint64_t number) {
    std::erase_if(spans_, [&](const NumberSpan& span) { return span.last <= number; });
    for (NumberSpan& span : spans_) span.after = std::max(span.after, number);
  }
  [[nodiscard]] std::uint64_t count(NumberSpan within) const {
    std::uint64_t sum = 0;
    for (const NumberSpan& span : spans_) {
      const std::uint64_t after = std::max(span.after, within.after);
      const std::uint64_t last = std::min(span.last, within.last);
      if (last > after) sum += last - after;
    }
    return sum;
  }
  [[nodiscard]] bool contains(std::uint64_t number) const {
    return count({number - 1, number}) == 1;
  }
  // The first number above this one that is not in the set.
  [[nodiscard]] std::uint64_t next_outside(std::uint64_t number) const {
    ++number;
    for (const NumberSpan& span : spans_) {
      if (number > span.after && number <= span.last) number = span.last + 1;
    }
    return number;
  }
  [[nodiscard]] const std::vector<NumberSpan>& spans() const { return spans_; }

 private:
  std::vector<NumberSpan> spans_;  // rising, apart
};

}  // namespace volta
