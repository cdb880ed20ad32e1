// The newest two samples of each series of a host, which pages ask for at every turn: 48 bytes per
// series, in one piece.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "model/batch.hpp"
#include "store/head_block.hpp"

namespace volta {

// Raw. Whose samples are seven weeks apart has no sample before the newest.
struct NewestSamples {
  std::int64_t time_ms = 0;
  std::uint64_t raw = 0;
  bool has_before = false;
  std::int64_t before_ms = 0;
  std::uint64_t before_raw = 0;
};

// One thread.
class NewestTable {
 public:
  // A committed batch; later ones are accepted later. `series`: of its slots.
  void note(const DecodedBatch& batch, const std::vector<SeriesId>& series, std::int64_t accepted,
            std::int64_t received_ms);
  // Of a rebuild, in any order.
  void note(const HeadBlock& block);
  // Series of which nothing was received since.
  void forget_before(std::int64_t received_ms);
  [[nodiscard]] std::vector<std::pair<SeriesId, NewestSamples>> all() const;

 private:
  struct Entry {
    SeriesId series{};
    std::uint32_t before_gap_ms = 0;  // 0: there is none before
    std::int64_t time_ms = 0;
    std::int64_t accepted = 0;  // 0: there is none yet
    std::int64_t received_ms = 0;
    std::uint64_t raw = 0;
    std::uint64_t before_raw = 0;
  };

  static void insert(Entry& entry, std::int64_t time_ms, std::uint64_t raw, std::int64_t accepted);
  // `next`: where the one asked for before stands and one; slots mostly are in the order of ids.
  Entry* find(SeriesId series, std::size_t& next);
  template <typename HasValue>
  void make_room(const std::vector<SeriesId>& series, std::size_t slots, const HasValue& has_value);

  std::vector<Entry> entries_;  // by series
};

}  // namespace volta
