// Labels that somebody sent: whether they keep the rules, and which series they mean.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/names.hpp"
#include "model/series.hpp"
#include "store/keyed_hash.hpp"
#include "store/series_table.hpp"

namespace volta {

constexpr std::size_t kMostForeignLabels = 64;
constexpr std::size_t kLongestForeignName = 1024;
constexpr std::size_t kLongestForeignValue = 4096;

// "" if the labels keep the rules: sorted by name, unique, none empty, valid names and UTF-8 within
// the lengths above, `__name__` a metric's name. Else the reason.
std::string foreign_labels_problem(const Labels& labels);

// Labels that keep the rules, as the table of series has them. By the custom of names a metric
// ending in _total, _count, _sum or _bucket is a counter.
SeriesDef foreign_series(const Labels& labels);

// The series of labels seen before, found by a hash with a key of its own (so that nobody can send
// labels that collide) and a comparison, without building a string. Thread-safe.
class ForeignSeriesCache {
 public:
  explicit ForeignSeriesCache(SeriesTable& table) : table_(table) {}

  struct Found {
    SeriesId id{};
    std::string refused;  // not empty: why there is no id
  };
  // Names series that are new. The answer is good as long as SeriesTable::forgotten() stands.
  Found resolve(const Labels& labels);

 private:
  [[nodiscard]] std::uint64_t hash(const Labels& labels) const;

  SeriesTable& table_;
  const HashKey key_ = random_hash_key();
  std::shared_mutex mutex_;
  std::unordered_map<std::uint64_t, SeriesTable::Record> known_;
  std::uint64_t forgotten_ = 0;  // SeriesTable::forgotten() that known_ goes with
};

}  // namespace volta
