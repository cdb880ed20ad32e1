// Columns on their way into rows of the table `pack`: fills one pack after the other.
#pragma once

#include <vector>

#include "store/pack_rows.hpp"
#include "store/sample_table.hpp"
#include "store/tier_codec.hpp"

namespace volta {

// What outlives a job so that the next one is faster. One thread.
struct PackWorkshop {
  struct Hints {
    ColumnHint raw;
    TierHints minute;
    TierHints hour;
  };
  PackReader reader;
  PackWriter raw;
  PackWriter minute;
  PackWriter hour;
  std::unordered_map<SeriesId, Hints> hints;

  // Bounded: when there are very many, all are forgotten.
  Hints& hints_of(SeriesId series);
  PackWriter& writer_of(Tier tier) {
    return tier == Tier::raw ? raw : tier == Tier::minute ? minute : hour;
  }
};

// Everything passed must outlive it; `like` says what all packs have in common. One at a time for
// each tier of a workshop.
class PackSink {
 public:
  PackSink(PackWorkshop& workshop, const PackRow& like, std::vector<NewPack>& out);

  // `grid`: times that most columns have, strictly rising; a column that has nearly all of them is
  // written as gaps in it. Nothing happens without samples.
  void add(const SampleTable::Column& column, ValueType type, std::span<const std::int64_t> grid);
  void add(SeriesId series, Kind kind, const WindowColumn& windows);
  // The last pack; to be called once all is in.
  void finish();

 private:
  void note(SeriesId series, std::size_t samples, std::int64_t min_ms);
  void add_piece(const SampleTable::Column& column, ValueType type, std::size_t first,
                 std::size_t count);

  PackWorkshop& workshop_;
  PackWriter& writer_;
  const PackRow like_;
  std::vector<NewPack>& out_;
  PackRow row_;  // of the pack being filled
  std::vector<std::uint64_t> raw_;
  std::vector<std::uint8_t> present_;
};

}  // namespace volta
