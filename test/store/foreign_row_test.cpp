#include "store/foreign_row.hpp"

#include <bit>
#include <random>

#include <catch2/catch.hpp>

#include "model/time_series.hpp"
#include "support/seed.hpp"
#include "support/zstd_bombs.hpp"

namespace volta {
namespace {

struct RowSeries {
  std::uint32_t id;
  std::vector<std::int64_t> times_ms;
  std::vector<double> values;
};

ForeignRow row_of(const std::vector<RowSeries>& series) {
  ForeignRowBuilder builder;
  for (const RowSeries& one : series) builder.add(SeriesId{one.id}, one.times_ms, one.values);
  return builder.take();
}

bool same_rows(const ForeignRow& a, const ForeignRow& b) {
  return a.min_ms == b.min_ms && a.max_ms == b.max_ms && a.series == b.series &&
         a.column == b.column && a.first_value == b.first_value &&
         a.column_first == b.column_first && a.times_ms == b.times_ms && a.values == b.values;
}

// There and back; true: not one bit differs.
bool row_survives(const ForeignRow& row) {
  ForeignRowCodec codec;
  const EncodedForeignRow encoded = codec.encode(row);
  ForeignRow back;
  back.min_ms = row.min_ms;
  back.max_ms = row.max_ms;
  return codec.decode(encoded.series, encoded.payload, back) && same_rows(back, row);
}

double from_bits(std::uint64_t bits) { return std::bit_cast<double>(bits); }

TEST_CASE("a row comes back bit by bit, whatever its values and times are") {
  const std::vector<double> odd{0.0,
                                -0.0,
                                from_bits(kStaleBits),
                                from_bits(0x7ff8'0000'dead'beefU),
                                from_bits(0xfff0'0000'0000'0001U),
                                std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::denorm_min(),
                                1.8446744073709552e19};
  CHECK(row_survives(row_of({{1, {1, 2, 3, 4, 5, 6, 7, 8}, odd}})));
  CHECK(row_survives(row_of({{UINT32_MAX, {INT64_MIN, 0, INT64_MAX}, {1, 2, 3}}})));
  CHECK(row_survives(row_of({{7, {5}, {1}}, {7, {4}, {2}}, {9, {5}, {1}}})));
}

TEST_CASE("series with the same times share a column") {
  const ForeignRow row =
      row_of({{1, {10, 20}, {1, 2}}, {2, {10, 20}, {3, 4}}, {3, {10}, {5}}, {4, {10, 20}, {6, 7}}});
  CHECK(row.column == std::vector<std::uint32_t>{0, 0, 1, 0});
  CHECK(row.times_ms == std::vector<std::int64_t>{10, 20, 10});
  CHECK(row.times(3)[1] == 20);
  CHECK(from_bits(row.bits(3)[1]) == 7);
}

TEST_CASE("random rows come back") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<RowSeries> series;
    std::uint32_t id = 0;
    std::vector<std::int64_t> times;
    for (std::size_t count = 1 + random() % 30; count-- > 0;) {
      id += static_cast<std::uint32_t>(random() % 3);
      id = std::max(id, 1U);
      if (times.empty() || random() % 4 == 0) {
        times.clear();
        std::int64_t at = static_cast<std::int64_t>(random() % 1000) - 500;
        for (std::size_t i = 1 + random() % 20; i-- > 0;) {
          times.push_back(at);
          at += 1 + static_cast<std::int64_t>(random() % 20'000);
        }
      }
      RowSeries one{id, times, {}};
      for (std::size_t i = 0; i < times.size(); ++i) one.values.push_back(from_bits(random()));
      series.push_back(std::move(one));
    }
    CHECK(row_survives(row_of(series)));
  }
}

TEST_CASE("a damaged row is refused or, where the checksum cannot tell, still within its bounds") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  ForeignRowCodec codec;
  const EncodedForeignRow good =
      codec.encode(row_of({{1, {1, 2, 3}, {1, 2, 3}}, {4, {1, 2, 3}, {4, 5, 6}}, {5, {2}, {7}}}));
  int refused = 0;
  for (int round = 0; round < 500; ++round) {
    Bytes series = good.series;
    Bytes payload = good.payload;
    Bytes& damaged = random() % 4 == 0 ? series : payload;
    if (random() % 5 == 0) {
      damaged.resize(random() % damaged.size());
    } else {
      damaged[random() % damaged.size()] ^= static_cast<std::byte>(1 + random() % 255);
    }
    ForeignRow row;
    row.min_ms = 1;
    row.max_ms = 3;
    if (!codec.decode(series, payload, row)) {
      ++refused;
      continue;
    }
    REQUIRE(row.points() <= kMostRowPoints);
    for (std::size_t place = 0; place < row.series.size(); ++place) {
      REQUIRE(row.times(place).size() == row.bits(place).size());
    }
  }
  CHECK(refused > 300);
  ForeignRow narrow;
  narrow.min_ms = 1;
  narrow.max_ms = 2;  // less than the times inside
  CHECK_FALSE(codec.decode(good.series, good.payload, narrow));
}

TEST_CASE("a row that inflates to more than is allowed is refused before there is room for it") {
  ForeignRowCodec codec;
  const EncodedForeignRow good = codec.encode(row_of({{1, {1, 2, 3}, {1, 2, 3}}}));
  for (const Bytes& bomb : test::zstd_bombs(64U << 20U)) {
    Bytes payload{good.payload[0]};
    payload.insert(payload.end(), bomb.begin(), bomb.end());
    ForeignRow row;
    row.min_ms = 1;
    row.max_ms = 3;
    CHECK_FALSE(codec.decode(good.series, payload, row));
  }
}

TEST_CASE("a row has room for so many values and no more") {
  ForeignRowBuilder builder;
  CHECK(builder.room() == kMostRowPoints);
  std::vector<std::int64_t> times(kMostRowPoints);
  for (std::size_t i = 0; i < times.size(); ++i) times[i] = static_cast<std::int64_t>(i);
  builder.add(SeriesId{1}, times, std::vector<double>(times.size(), 1.5));
  CHECK(builder.room() == 0);
  CHECK(row_survives(builder.take()));
  CHECK(builder.empty());
}

}  // namespace
}  // namespace volta
