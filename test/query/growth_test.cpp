// How much counters grew (query/growth.cpp).
#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "query/memory_source.hpp"
#include "query/range.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

constexpr std::int64_t kGrowthHour = 3'600'000;

class NoIndex final : public SeriesIndex {
 public:
  [[nodiscard]] std::vector<SeriesRecord> find(HostId, std::string_view) const override {
    return {};
  }
};

struct GrowthHouse {
  test::MemorySource source;
  NoIndex index;
  Range range{index, source};

  explicit GrowthHouse(const std::vector<std::pair<std::int64_t, double>>& samples = {}) {
    source.kind = Kind::counter;
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (const auto& [time, value] : samples) {
      times.push_back(time);
      values.push_back(value);
    }
    source.add({{"__name__", "e"}, {"host", "alpha"}, {"zone", "host"}}, times, values);
  }
  [[nodiscard]] std::optional<double> ask(std::int64_t start, std::int64_t end) const {
    const auto outcome =
        range.growth({{HostId{1}, "alpha", "e", {{"zone", "host"}}}, start, end}, {});
    const auto& grown = std::get<std::vector<Growth>>(outcome);
    if (grown.empty()) return std::nullopt;
    REQUIRE(grown.size() == 1);
    CHECK(grown[0].labels == Labels{{"zone", "host"}});
    return grown[0].amount;
  }
};

TEST_CASE("growth with resets, gaps and ends") {
  const auto check = [](const std::vector<std::pair<std::int64_t, double>>& samples,
                        std::int64_t start, std::int64_t end, std::optional<double> want) {
    const auto got = GrowthHouse(samples).ask(start, end);
    CHECK(got.has_value() == want.has_value());
    if (got && want) CHECK(*got == Approx(*want));
  };
  check({}, 0, 100, {});
  check({{10, 5}}, 0, 100, {});
  check({{10, 5}, {20, 8}}, 0, 100, 3);
  check({{10, 5}, {20, 8}, {30, 2}, {40, 6}}, 0, 100, 3 + 4);
  check({{10, 5}, {20, 8}, {30, 20}}, 0, 20, 3);
  check({{10, 5}, {20, 8}, {30, 20}}, 11, 30, 12);
  check({{10, 5}, {20, std::nan("")}, {30, 20}}, 0, 30, 15);
  check({{10, 5}, {24 * kGrowthHour + 5, 8}, {72 * kGrowthHour, 20}}, 0, 96 * kGrowthHour, 15);
}

TEST_CASE("what is gone is told from windows") {
  // A joule a second for four hours; at 1:30 the counter begins again with 1000.
  std::vector<std::pair<std::int64_t, double>> samples;
  for (std::int64_t second = 0; second <= 4 * 3600; ++second) {
    samples.emplace_back(second * 1000, second < 5400
                                            ? 20'000.0 + static_cast<double>(second)
                                            : 1000.0 + static_cast<double>(second - 5400));
  }
  GrowthHouse house(samples);
  const double all = 4 * 3600 - 1;  // nothing is known of the second of the reset
  CHECK(house.ask(0, 4 * kGrowthHour) == Approx(all));
  house.source.minutes_from_ms = house.source.hours_from_ms = 0;
  CHECK(house.ask(0, 4 * kGrowthHour) == Approx(all));
  const std::size_t reads = house.source.raw_reads;
  CHECK(house.ask(2 * kGrowthHour, 4 * kGrowthHour) == Approx(7200));
  CHECK(house.source.raw_reads == reads + 1);  // the first moment of 2:00, and no more
  house.source.raw_from_ms = 3 * kGrowthHour + 1;
  CHECK(house.ask(0, 4 * kGrowthHour) == Approx(all));
  // A range that cuts windows gets their share.
  CHECK(house.ask(2 * kGrowthHour + 30'000, 4 * kGrowthHour) == Approx(7200 - 30).margin(1));
  CHECK(house.ask(2 * kGrowthHour + 500'000, 2 * kGrowthHour + 1'030'000) == Approx(530).margin(2));
  house.source.minutes_from_ms = INT64_MAX;
  CHECK(house.ask(2 * kGrowthHour + kGrowthHour / 2, 4 * kGrowthHour) == Approx(5400).margin(2));
}

TEST_CASE("windows tell growth to the joule as samples do") {
  const auto seed = test::random_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::pair<std::int64_t, double>> samples;
    auto time = static_cast<std::int64_t>(random() % 4'000'000);
    double joules = static_cast<double>(random() % 1'000'000'000);
    while (samples.size() < 8000) {
      samples.emplace_back(time, joules);
      time += random() % 60 == 0 ? static_cast<std::int64_t>(1 + random() % 5'000'000) : 1000;
      joules = random() % 900 == 0 ? static_cast<double>(random() % 5000)
                                   : joules + static_cast<double>(random() % 100'000) / 1000;
    }
    GrowthHouse house(samples);
    const auto start = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(time));
    const auto end =
        start + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(time - start + 1));
    const auto raw = house.ask(start, end);
    house.source.minutes_from_ms = house.source.hours_from_ms = 0;
    const auto tiered = house.ask(start, end);
    CAPTURE(start, end);
    REQUIRE(raw.has_value() == tiered.has_value());
    if (raw) REQUIRE(std::abs(*raw - *tiered) < 0.01);
  }
}

}  // namespace
}  // namespace volta
