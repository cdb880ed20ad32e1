// Numbers keys in the order in which they come.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>

#include "query/budget.hpp"

namespace volta::promql {

// What it remembers is charged.
class KeyNumbers {
 public:
  explicit KeyNumbers(Budget& budget) : charge_(budget) {}
  // The key's number, from 0 on; true: it is new.
  std::pair<std::size_t, bool> number_of(const std::string& key) {
    const auto known = numbers_.find(key);
    if (known != numbers_.end()) return {known->second, false};
    charge_.add(key.size() + kBytesPerKey);
    numbers_.emplace(key, numbers_.size());
    return {numbers_.size() - 1, true};
  }
  [[nodiscard]] std::size_t size() const { return numbers_.size(); }

 private:
  static constexpr std::size_t kBytesPerKey = 128;  // its node, its string and its bucket
  Charge charge_;
  std::unordered_map<std::string, std::size_t> numbers_;
};

}  // namespace volta::promql
