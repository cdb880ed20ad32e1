// Values by series id. Ids are given out one after the other, so those of a store stand close
// together: 64 neighbours share a page, which costs a value little more than its own size, and
// finding it one look at a hash table however many there are.
#pragma once

#include <bit>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace volta {

// One thread. What find() answers is good until the next add() or erase().
template <typename Value>
class IdTable {
 public:
  // Null: there is none under this id.
  [[nodiscard]] const Value* find(std::uint32_t id) const {
    const auto page = pages_.find(id / kPageIds);
    if (page == pages_.end() || (page->second.there & bit(id)) == 0) return nullptr;
    return &page->second.values[place(page->second, id)];
  }
  [[nodiscard]] Value* find(std::uint32_t id) {
    const auto page = pages_.find(id / kPageIds);
    if (page == pages_.end() || (page->second.there & bit(id)) == 0) return nullptr;
    return &page->second.values[place(page->second, id)];
  }
  // False: there is one under this id, and it stays.
  bool add(std::uint32_t id, Value value) {
    Page& page = pages_[id / kPageIds];
    if ((page.there & bit(id)) != 0) return false;
    page.values.insert(page.values.begin() + static_cast<std::ptrdiff_t>(place(page, id)),
                       std::move(value));
    page.there |= bit(id);
    ++size_;
    return true;
  }
  // False: there is none.
  bool erase(std::uint32_t id) {
    const auto page = pages_.find(id / kPageIds);
    if (page == pages_.end() || (page->second.there & bit(id)) == 0) return false;
    auto& values = page->second.values;
    values.erase(values.begin() + static_cast<std::ptrdiff_t>(place(page->second, id)));
    page->second.there &= ~bit(id);
    if (page->second.there == 0) pages_.erase(page);
    --size_;
    return true;
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::uint32_t kPageIds = 64;
  struct Page {
    std::uint64_t there = 0;  // bit i: of the page's i-th id there is a value
    std::vector<Value> values;
  };
  static std::uint64_t bit(std::uint32_t id) { return std::uint64_t{1} << (id % kPageIds); }
  static std::size_t place(const Page& page, std::uint32_t id) {
    return static_cast<std::size_t>(std::popcount(page.there & (bit(id) - 1)));
  }

  std::unordered_map<std::uint32_t, Page> pages_;
  std::size_t size_ = 0;
};

}  // namespace volta
