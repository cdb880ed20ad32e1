// What the regular expressions of one request may cost. Compiling one takes time and memory by what
// it says, not by its length; so whoever takes expressions from outside counts them here first.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.hpp"

namespace volta {

// Of one request. Each may need a megabyte while it is used.
constexpr std::size_t kMostRegexes = 100;
constexpr std::size_t kMostRegexWeight = 100'000;  // of all of them together

// About what the compiled expression has to hold: the bytes of its text, where what is repeated by
// count weighs as often as it says and a class of Unicode as much as its ranges. Never more than
// kMostRegexWeight + 1, which says "too much".
std::size_t regex_weight(std::string_view regex);

// One thread at a time.
class RegexBudget {
 public:
  // An Error once there are too many, or too heavy ones.
  Result<void> take(std::string_view regex);

 private:
  std::size_t count_ = 0;
  std::size_t weight_ = 0;
};

}  // namespace volta
