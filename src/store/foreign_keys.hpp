// Which series a key meant before (KeyedSamples, model/sample_sink.hpp). Keys are compared by their
// content. Senders keep to their order, so the next key is mostly the one that came next before: it
// is compared without being hashed, and lies next to the one before it in memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <vector>

#include "model/sample_sink.hpp"
#include "model/series.hpp"
#include "store/keyed_hash.hpp"

namespace volta {

// Thread-safe. Bounded: begins anew once it has `most_bytes`.
class ForeignKeys {
 public:
  static constexpr std::size_t kLongestKey = 4096;  // longer ones are not remembered
  struct Known {
    std::string_view key;
    SeriesId id;
  };

  explicit ForeignKeys(std::size_t most_bytes = 128U << 20U) : most_bytes_(most_bytes) {}

  // One id per series, SeriesId{} where it is not known. `forgotten` is SeriesTable::forgotten() as
  // read before the call: nothing is known of another time than that.
  void find(std::span<const KeyedSamples::Series> series, std::uint64_t forgotten,
            std::vector<SeriesId>& ids) const;
  // Keys that find() did not know; the ids were looked up after `forgotten` was read.
  void remember(std::span<const Known> keys, std::uint64_t forgotten);
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Entry {
    const char* key;
    std::uint64_t hash;
    std::uint32_t size;
    SeriesId id;
    // What was asked for next, last time: a hint, so threads may write over each other.
    std::uint32_t follower;
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;

  [[nodiscard]] std::uint64_t hash(std::string_view key) const;
  [[nodiscard]] static bool is(const Entry& entry, std::string_view key);
  // Of the entry; kNone: there is none. Under the lock, as all below.
  [[nodiscard]] std::uint32_t look_up(std::string_view key) const;
  void insert(const Known& known);
  void grow();
  void clear();
  [[nodiscard]] std::size_t held_bytes() const;

  const std::size_t most_bytes_;
  const HashKey secret_ = random_hash_key();
  mutable std::shared_mutex mutex_;
  std::uint64_t forgotten_ = 0;
  mutable std::vector<Entry> entries_;  // mutable for their followers
  std::vector<std::uint32_t> slots_;    // open addressing; of entries
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t chunk_left_ = 0;
  std::size_t chunk_bytes_ = 0;  // of all chunks
};

}  // namespace volta
