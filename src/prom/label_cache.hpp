// Labels that were met before, by the bytes in which they came. Senders name the same series in
// every request and every scrape: decoding, checking and copying their labels each time would cost
// several times what their samples do. The same bytes give the same pointer while they keep coming,
// so those who come after (relabelling, the store) can know a series by its pointer too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/series.hpp"

namespace volta {

// Thread-safe. Bounded: what was not asked for while half of `most_bytes` was met anew is
// forgotten.
class LabelCache {
  struct Known {
    std::shared_ptr<const Labels> labels;
    std::uint64_t generation = 0;
    std::pair<const std::string, Known>* follower = nullptr;  // what was asked for next
  };
  using Entry = std::pair<const std::string, Known>;

 public:
  explicit LabelCache(std::size_t most_bytes = 64U << 20U) : most_bytes_(most_bytes) {}

  // Where in the order of series one request is: senders keep to their order, so the next series is
  // mostly the one that came next before, and found without hashing. For one thread.
  class Place {
    friend class LabelCache;
    Entry* at_ = nullptr;
    std::uint64_t generation_ = 0;
  };

  // Null: never seen, or forgotten.
  std::shared_ptr<const Labels> find(std::string_view key, Place& place);
  void put(std::string_view key, std::shared_ptr<const Labels> labels, Place& place);
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
  };
  // Entries stay where they are in memory, also when they move from one to the other.
  using Generation = std::unordered_map<std::string, Known, Hash, std::equal_to<>>;

  Entry* look_up(std::string_view key);
  void go_to(Entry* entry, Place& place);
  void age();

  mutable std::mutex mutex_;
  std::size_t most_bytes_;
  std::uint64_t generation_ = 1;
  Generation young_, old_;
  std::size_t young_bytes_ = 0, old_bytes_ = 0;
};

}  // namespace volta
