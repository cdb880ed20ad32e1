#include "store/column_codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "store/column_samples.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

// The column encoded, decoded both ways and compared with what went in.
class ColumnRound {
 public:
  Bytes encode(const ColumnView& column) {
    Bytes bytes;
    encoder_.encode(column, hint, bytes);
    CHECK(bytes.size() <= kMostColumnBytes);
    return bytes;
  }

  // Its size in bytes.
  std::size_t check(const ColumnView& column) {
    std::vector<std::uint64_t> values;
    std::vector<std::uint32_t> ticks;
    for (std::size_t i = 0; i < column.raw.size(); ++i) {
      if (!column.present.empty() && column.present[i] == 0) continue;
      values.push_back(column.raw[i]);
      ticks.push_back(static_cast<std::uint32_t>(i));
    }
    const Bytes bytes = encode(column);
    const auto raw = decoder_.decode(bytes, column.type, column.raw.size());
    REQUIRE(raw.has_value());
    CHECK(std::equal(raw->values.begin(), raw->values.end(), values.begin(), values.end()));
    if (values.size() == column.raw.size()) {
      CHECK(raw->ticks.empty());
    } else {
      CHECK(std::equal(raw->ticks.begin(), raw->ticks.end(), ticks.begin(), ticks.end()));
    }
    for (const int each : {0, 3, -2, 127, -128}) {
      const auto scale = static_cast<std::int8_t>(each);
      const auto doubles = decoder_.decode_doubles(bytes, column.type, scale, column.raw.size());
      REQUIRE(doubles.has_value());
      REQUIRE(doubles->values.size() == values.size());
      const auto wrong = std::mismatch(
          values.begin(), values.end(), doubles->values.begin(), [&](auto bits, double value) {
            return test::bits_of(to_double(column.type, scale, bits)) == test::bits_of(value);
          });
      CHECK(wrong.first == values.end());
      check_known(bytes, column, scale, doubles->values);
    }
    return bytes.size();
  }

  // What is known of the values is true; of integers below 2^51 all is known.
  void check_known(const Bytes& bytes, const ColumnView& column, std::int8_t scale,
                   std::span<const double> values) {
    const std::vector<double> expected(values.begin(), values.end());
    UnfilledDoubles all = {7};
    const auto added = decoder_.append_doubles(bytes, column.type, scale, column.raw.size(), all);
    REQUIRE(added.has_value());
    REQUIRE(all.size() == expected.size() + 1);
    CHECK(std::equal(expected.begin(), expected.end(), all.begin() + 1,
                     [](double a, double b) { return test::bits_of(a) == test::bits_of(b); }));
    const bool nan = std::any_of(expected.begin(), expected.end(),
                                 [](double value) { return std::isnan(value); });
    bool drop = false;
    for (std::size_t i = 1; i < expected.size(); ++i) drop |= !(expected[i - 1] <= expected[i]);
    if (added->known.no_nan) CHECK_FALSE(nan);
    if (added->known.no_drop) CHECK_FALSE(drop);
    if (column.type == ValueType::float64) return;
    CHECK(added->known.no_nan);
    const bool small = std::all_of(column.raw.begin(), column.raw.end(),
                                   [](std::uint64_t bits) { return bits < (1ULL << 51U); });
    if (small && scale == 0) CHECK(added->known.no_drop == !drop);
  }

  ColumnHint hint;

 private:
  ColumnEncoder encoder_;
  ColumnDecoder decoder_;
};

TEST_CASE("Every kind of column comes back bit by bit") {
  const auto seed = GENERATE(1, 2);
  const auto length = GENERATE(1, 2, 3, 4, 5, 127, 128, 129, 600, 3600);
  ColumnRound round;
  for (const auto& column :
       test::SampleColumns(static_cast<std::uint64_t>(seed), static_cast<std::size_t>(length))
           .all()) {
    INFO("seed " << seed << ", " << length << " of " << column.name);
    // The hint of the column before is of another kind: it may only cost bytes.
    round.check({column.type, column.raw, {}});
    round.check({column.type, column.raw, {}});
  }
}

TEST_CASE("Every power of ten divides and multiplies as to_double does") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  constexpr std::uint64_t kFirstWide = 1ULL << 51U;
  std::vector<std::uint64_t> raw;
  for (std::uint64_t i = 0; i < 400; ++i) {
    raw.push_back(kFirstWide - 1 - i);
    raw.push_back(i);
    raw.push_back(random() >> (13 + random() % 51));
  }
  std::vector<std::uint64_t> negative;
  for (const std::uint64_t each : raw) negative.push_back(random() % 2 == 0 ? each : 0 - each);
  ColumnRound round;
  const Bytes up = round.encode({ValueType::uint64, raw, {}});
  const Bytes down = round.encode({ValueType::int64, negative, {}});
  ColumnDecoder decoder;
  const auto check = [&](const Bytes& bytes, ValueType type, std::span<const std::uint64_t> want,
                         std::int8_t scale) {
    const auto doubles = decoder.decode_doubles(bytes, type, scale, want.size());
    REQUIRE(doubles.has_value());
    for (std::size_t i = 0; i < want.size(); ++i) {
      const double expected = to_double(type, scale, want[i]);
      INFO(static_cast<std::int64_t>(want[i]) << " at scale " << int{scale});
      REQUIRE(test::bits_of(doubles->values[i]) == test::bits_of(expected));
    }
  };
  for (int scale = -20; scale <= 20; ++scale) {
    check(up, ValueType::uint64, raw, static_cast<std::int8_t>(scale));
    check(down, ValueType::int64, negative, static_cast<std::int8_t>(scale));
  }
}

TEST_CASE("A long column is no special one") {
  ColumnRound round;
  for (const auto& column : test::SampleColumns(3, 70'000).all()) {
    INFO(column.name);
    round.check({column.type, column.raw, {}});
  }
}

TEST_CASE("The longest column of what cannot be packed stays within its bounds") {
  std::mt19937_64 random(4);
  std::vector<std::uint64_t> raw(kMostColumnTicks);
  std::generate(raw.begin(), raw.end(), [&] { return random(); });
  std::vector<std::uint8_t> present(raw.size());
  for (std::size_t i = 0; i < present.size(); ++i) present[i] = i % 2;
  ColumnRound round;
  CHECK(round.check({ValueType::float64, raw, {}}) < 9 * raw.size());
  CHECK(round.check({ValueType::uint64, raw, present}) < 6 * raw.size());
}

TEST_CASE("Gaps are where they were") {
  ColumnRound round;
  const std::vector<std::uint64_t> raw = {5, 6, 7, 8, 9, 10, 11};
  const std::vector<std::vector<std::uint8_t>> cases = {
      {1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 0, 0}, {0, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 0},
      {0, 1, 0, 1, 0, 1, 0}, {1, 0, 0, 0, 0, 0, 1}, {0, 0, 0, 2, 0, 0, 0}};
  for (const auto& present : cases) round.check({ValueType::uint64, raw, present});
  for (const auto& present : cases) round.check({ValueType::float64, raw, present});
  round.check({ValueType::uint64, {}, {}});
  round.check({ValueType::float64, {}, {}});
  std::mt19937_64 random(5);
  for (const auto& column : test::SampleColumns(5, 1000).all()) {
    INFO(column.name);
    std::vector<std::uint8_t> present(1000);
    for (auto& tick : present) tick = random() % 20 != 0;
    round.check({column.type, column.raw, present});
  }
}

TEST_CASE("What is in a gap is not looked at") {
  ColumnRound round;
  const std::vector<std::uint8_t> present = {1, 1, 0, 1, 1};
  const Bytes one =
      round.encode({ValueType::int64, std::vector<std::uint64_t>{1, 2, 3, 4, 5}, present});
  round.hint = {};
  const Bytes other =
      round.encode({ValueType::int64, std::vector<std::uint64_t>{1, 2, 99, 4, 5}, present});
  CHECK(one == other);
}

TEST_CASE("Usual columns are small") {
  struct Case {
    const char* name;
    double most;  // bytes a sample
  };
  const std::vector<Case> cases = {
      {"zero", 0.002},        {"ramp", 0.003},        {"walk", 0.65},
      {"pages", 0.5},         {"decimal of 2", 0.95}, {"product", 0.5},
      {"two quotients", 0.5}, {"two products", 0.5},  {"constant decimal", 0.003},
      {"any bits", 8.05},     {"steps", 0.12},        {"decimal that goes stale", 1.4},
      {"any double", 8.05},   {"denormals", 2.7}};
  const auto all = test::SampleColumns(6, 3600).all();
  for (const auto& one : cases) {
    const auto column =
        std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.name == one.name; });
    REQUIRE(column != all.end());
    ColumnRound round;
    INFO(one.name);
    CHECK(static_cast<double>(round.check({column->type, column->raw, {}})) <= 3600 * one.most);
  }
}

TEST_CASE("A hint of any content costs no exactness") {
  std::mt19937_64 random(7);
  const auto all = test::SampleColumns(7, 200).all();
  ColumnRound round;
  for (int i = 0; i < 2000; ++i) {
    const auto number = random();
    round.hint = {
        static_cast<std::uint8_t>(number),        static_cast<std::uint8_t>(number >> 8U),
        static_cast<std::uint8_t>(number >> 16U), static_cast<std::uint8_t>(number >> 24U),
        static_cast<std::uint8_t>(number >> 32U), static_cast<std::uint8_t>(number >> 36U)};
    const auto& column = all[static_cast<std::size_t>(number >> 40U) % all.size()];
    INFO(column.name << " with " << number);
    round.check({column.type, column.raw, {}});
  }
}

TEST_CASE("What a short column learnt does not bind a long one") {
  const auto all = test::SampleColumns(9, 3600).all();
  for (const auto& column : all) {
    INFO(column.name);
    const std::span<const std::uint64_t> raw = column.raw;
    ColumnRound fresh;
    ColumnRound known;
    known.check({column.type, raw.first(5), {}});
    CHECK(known.check({column.type, raw, {}}) == fresh.check({column.type, raw, {}}));
  }
}

TEST_CASE("A broken column is an error or another column, never more") {
  ColumnEncoder encoder;
  ColumnDecoder decoder;
  std::mt19937_64 random(8);
  for (const auto& column : test::SampleColumns(8, 300).all()) {
    INFO(column.name);
    ColumnHint hint;
    Bytes bytes;
    std::vector<std::uint8_t> present(column.raw.size(), 1);
    present[20] = present[21] = 0;
    encoder.encode({column.type, column.raw, present}, hint, bytes);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
      CHECK_FALSE(decoder.decode(cut, column.type, column.raw.size()).has_value());
    }
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      Bytes bad = bytes;
      bad[at] ^= static_cast<std::byte>(1U << (random() % 8));
      const auto decoded = decoder.decode(bad, column.type, column.raw.size());
      if (decoded) CHECK(decoded->values.size() <= column.raw.size());
    }
    bytes.push_back(std::byte{0});
    CHECK_FALSE(decoder.decode(bytes, column.type, column.raw.size()).has_value());
    bytes.pop_back();
    CHECK_FALSE(decoder.decode(bytes, column.type, column.raw.size() + 1).has_value());
    CHECK_FALSE(decoder.decode(bytes, column.type, kMostColumnTicks + 1).has_value());
  }
}

TEST_CASE("integers around what doubles do several at a time of come back as doubles") {
  constexpr std::uint64_t kEdge = std::uint64_t{1} << 51U;
  const std::uint64_t most = ~std::uint64_t{0};
  for (const std::uint64_t around : {std::uint64_t{0}, kEdge, 2 * kEdge, 4 * kEdge, 0 - kEdge,
                                     0 - 2 * kEdge, most / 2 + 1, most}) {
    for (const ValueType type : {ValueType::int64, ValueType::uint64}) {
      for (std::uint64_t far = 0; far < 3; ++far) {
        CAPTURE(around, far);
        const std::vector<std::uint64_t> raw{5, around - far, 7, around + far, 0};
        ColumnRound().check({type, raw, {}});
        const std::vector<std::uint64_t> alone{around + far, around - far};
        ColumnRound().check({type, alone, {}});
      }
    }
  }
}

}  // namespace
}  // namespace volta
