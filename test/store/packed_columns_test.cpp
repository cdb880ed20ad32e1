#include "store/packed_columns.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "support/seed.hpp"

namespace volta {
namespace {

constexpr std::int64_t kPackedHour = 3'600'000;
constexpr std::size_t kPackedSeries = 4;

struct StoredPack {
  PackRow row;
  Bytes bytes;
};

// What each series should show, in the order in which it was added.
struct ShownSamples {
  std::vector<std::int64_t> times_ms;
  std::vector<double> values;
};

// An hour in which series are there as a whole, with gaps, with other times, or not at all.
StoredPack random_pack(std::mt19937_64& random, std::int64_t end_ms, std::int64_t id,
                       std::vector<ShownSamples>& shown) {
  std::vector<std::int64_t> times;
  std::vector<std::int64_t> others;
  const std::size_t ticks = 1 + random() % 50;
  for (std::size_t i = 0; i < ticks; ++i) {
    times.push_back(end_ms - kPackedHour + 1 + static_cast<std::int64_t>(i) * 1000);
    others.push_back(times.back() + 7);
  }
  PackWriter writer;
  ColumnHint hint;
  for (std::size_t series = 0; series < kPackedSeries; ++series) {
    const auto kind = series == 0 ? 0 : random() % 7;
    if (kind == 3) continue;
    const auto& own = kind == 2 ? others : times;
    std::vector<std::uint64_t> raw(ticks);
    std::vector<std::uint8_t> present(ticks, 1);
    for (std::size_t i = 0; i < ticks; ++i) {
      const bool counts = kind == 4 || kind == 5;
      raw[i] = counts ? static_cast<std::uint64_t>(end_ms) + i : random() % 100'000;
      if (kind == 1) present[i] = static_cast<std::uint8_t>(random() % 2);
      if (present[i] == 0) continue;
      shown[series].times_ms.push_back(own[i]);
      shown[series].values.push_back(to_double(ValueType::uint64, 2, raw[i]));
    }
    writer.add(
        {SeriesId(static_cast<std::uint32_t>(series + 1)), 0, ValueType::uint64, own, raw, present},
        hint);
  }
  StoredPack stored;
  stored.bytes = writer.finish();
  stored.row.id = id;
  stored.row.end_ms = end_ms;
  stored.row.accepted = id;
  return stored;
}

void add_pack(PackedColumns& columns, const StoredPack& stored, BadPacks& bad) {
  const auto pack = Pack::open(stored.bytes, stored.bytes.size());
  REQUIRE(pack);
  for (const PackEntry& entry : pack->entries()) {
    columns.add(static_cast<std::uint32_t>(entry.series) - 1, {stored.row, *pack, stored.bytes},
                entry, 2, bad);
  }
}

TEST_CASE("columns of packs come back whichever is asked for first, with and without gaps") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  ReadScratch scratch;  // as it is from one read to the next
  for (int round = 0; round < 100; ++round) {
    std::vector<ShownSamples> shown(kPackedSeries);
    BadPacks bad;
    PackedColumns columns(kPackedSeries, scratch);
    const auto hours = 1 + static_cast<std::int64_t>(random() % 5);
    for (std::int64_t hour = 1; hour <= hours; ++hour) {
      add_pack(columns, random_pack(random, hour * kPackedHour, hour, shown), bad);
    }
    for (int look = 0; look < 12; ++look) {
      const std::size_t series = random() % kPackedSeries;
      const auto samples = columns.decode(series, bad);
      CHECK(samples.rising);
      CHECK(std::equal(samples.times_ms.begin(), samples.times_ms.end(),
                       shown[series].times_ms.begin(), shown[series].times_ms.end()));
      CHECK(std::equal(samples.values.begin(), samples.values.end(), shown[series].values.begin(),
                       shown[series].values.end()));
      CHECK(samples.known.no_nan);
      CHECK(samples.known.no_drop == std::is_sorted(samples.values.begin(), samples.values.end()));
      if (random() % 2 == 0) continue;
      const GrowingColumn mixed = columns.mixed();
      CHECK(mixed.times_ms == shown[series].times_ms);
      CHECK(mixed.values == shown[series].values);
      GrowingColumn later;
      const double value = std::array{1.5, 1e300, std::nan("")}.at(random() % 3);
      later.add(hours * kPackedHour + 5, value, 99);
      const bool follows = samples.values.empty() || samples.values.back() <= value;
      const KnownValues known = samples.known;
      const auto extended = columns.extended(samples, later);
      CHECK(extended.known.no_nan == !std::isnan(value));
      CHECK(extended.known.no_drop == (known.no_drop && follows && !std::isnan(value)));
      REQUIRE(extended.times_ms.size() == shown[series].times_ms.size() + 1);
      CHECK(extended.times_ms.back() == hours * kPackedHour + 5);
      CHECK(std::bit_cast<std::uint64_t>(extended.values.back()) ==
            std::bit_cast<std::uint64_t>(value));
      CHECK(std::equal(shown[series].times_ms.begin(), shown[series].times_ms.end(),
                       extended.times_ms.begin()));
    }
    CHECK(bad.met() == 0);
  }
}

TEST_CASE("packs of one hour whose times meet are not in order, and each knows what it is") {
  std::vector<ShownSamples> shown(kPackedSeries);
  std::mt19937_64 random(1);
  BadPacks bad;
  ReadScratch scratch;
  PackedColumns columns(kPackedSeries, scratch);
  add_pack(columns, random_pack(random, kPackedHour, 7, shown), bad);
  const std::size_t first = shown[0].times_ms.size();
  add_pack(columns, random_pack(random, kPackedHour, 9, shown), bad);
  CHECK_FALSE(columns.decode(0, bad).rising);
  const GrowingColumn mixed = columns.mixed();
  REQUIRE(mixed.pieces.size() == 2);
  CHECK(mixed.pieces[0].accepted == 7);
  CHECK(mixed.pieces[1].accepted == 9);
  CHECK(mixed.pieces[1].first == first);
}

TEST_CASE("a broken column is left out and reported, the others stay") {
  std::vector<ShownSamples> shown(kPackedSeries);
  std::mt19937_64 random(2);
  BadPacks bad;
  ReadScratch scratch;
  PackedColumns columns(kPackedSeries, scratch);
  StoredPack stored = random_pack(random, kPackedHour, 1, shown);
  stored.bytes.back() ^= std::byte{1};
  add_pack(columns, stored, bad);
  CHECK(bad.met() == 1);
  std::size_t whole = 0;
  for (std::size_t series = 0; series < kPackedSeries; ++series) {
    const std::size_t found = columns.decode(series, bad).times_ms.size();
    if (found == shown[series].times_ms.size()) ++whole;
  }
  CHECK(whole + 1 >= kPackedSeries);
}

}  // namespace
}  // namespace volta
