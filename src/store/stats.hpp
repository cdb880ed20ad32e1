// What a store holds and what it costs, for `volta store stats`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/time_series.hpp"
#include "store/series_index.hpp"
#include "store/sqlite.hpp"

namespace volta {

struct StoreStats {
  struct Part {
    std::uint64_t samples = 0;  // of tiers windows
    std::uint64_t series = 0;   // that have some in it
    // Of raw data also the journals, with what they still hold of samples that are sealed; those
    // are counted once.
    std::uint64_t bytes = 0;
    [[nodiscard]] double bytes_per_sample() const {
      return samples == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(samples);
    }
  };
  struct Count {
    std::string name;
    std::uint64_t count = 0;
  };

  Part whole;  // samples: raw; series: all that are known; bytes: the database and its WAL
  std::map<Tier, Part> tiers;
  std::vector<Count> series_of_metric;  // the most first
  std::vector<Count> series_of_host;
  std::vector<Count> values_of_label;  // how many different ones
  std::vector<Count> bytes_of_metric;  // of packs, all tiers
};

// Of the database as it is on disk, while others write; `most` entries a list. Reads the whole file
// in portions, each a read transaction of its own, so that the WAL can be reset meanwhile: numbers
// of a store that changes are of slightly different moments. Throws SqliteFailure.
StoreStats read_stats(Connection& connection, const std::filesystem::path& database,
                      std::size_t most);

}  // namespace volta
