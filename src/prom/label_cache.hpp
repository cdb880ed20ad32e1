// Labels that were met before, by the bytes in which they came. Senders name the same series in
// every request and every scrape: decoding, checking and copying their labels each time would cost
// ten times what their samples do. The same bytes give the same pointer while they keep coming, so
// those who come after (relabelling, the store) can know a series by its pointer too.
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
 public:
  explicit LabelCache(std::size_t most_bytes = 64U << 20U) : most_bytes_(most_bytes) {}

  // Null: never seen, or forgotten.
  std::shared_ptr<const Labels> find(std::string_view key);
  void put(std::string_view key, std::shared_ptr<const Labels> labels);
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
  };
  using Generation =
      std::unordered_map<std::string, std::shared_ptr<const Labels>, Hash, std::equal_to<>>;

  void age();

  mutable std::mutex mutex_;
  std::size_t most_bytes_;
  Generation young_, old_;
  std::size_t young_bytes_ = 0, old_bytes_ = 0;
};

}  // namespace volta
