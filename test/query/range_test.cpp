#include "query/range.hpp"

#include <atomic>
#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "query/memory_source.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

constexpr double kGap = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kHours = 3'600'000;

// The series' units; finds what was put.
class UnitsOf final : public SeriesIndex {
 public:
  [[nodiscard]] std::vector<SeriesRecord> find(HostId, std::string_view name) const override {
    SeriesDef def;
    def.name = name;
    def.unit = "seconds";
    return {{SeriesId{1}, HostId{1}, def}};
  }
};

struct RangeHouse {
  test::MemorySource source;
  UnitsOf index;
  Range range{index, source};
  QueryLimits limits;

  void put(const std::string& mode, std::vector<std::int64_t> times, std::vector<double> values,
           const std::string& host = "alpha") {
    source.add({{"__name__", "x"}, {"host", host}, {"mode", mode}}, std::move(times),
               std::move(values));
  }
  [[nodiscard]] static RangeQuestion question(std::int64_t start, std::int64_t end,
                                              std::int64_t step,
                                              std::optional<Aggregation> aggregation = {}) {
    return {{HostId{1}, "alpha", "x", {}}, start, end, step, aggregation};
  }
  [[nodiscard]] RangeAnswer ask(const RangeQuestion& asked) const {
    auto outcome = range.range(asked, limits);
    if (const auto* failure = std::get_if<QueryFailure>(&outcome)) FAIL(failure->text);
    return std::get<RangeAnswer>(std::move(outcome));
  }
  [[nodiscard]] std::optional<QueryFailure::Kind> refusal(const RangeQuestion& asked) const {
    const auto outcome = range.range(asked, limits);
    const auto* failure = std::get_if<QueryFailure>(&outcome);
    return failure == nullptr ? std::nullopt : std::optional(failure->kind);
  }
};

bool is_same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)});
}

void check_values(const std::vector<double>& got, const std::vector<double>& want) {
  CAPTURE(got, want);
  CHECK(std::equal(got.begin(), got.end(), want.begin(), want.end(), is_same));
}

TEST_CASE("steps are aggregated") {
  RangeHouse house;
  house.put("a", {0, 1000, 2000, 5000}, {4, 2, 6, 1});
  const auto check = [&](Aggregation aggregation, const std::vector<double>& want) {
    const auto answer = house.ask(house.question(0, 7999, 2000, aggregation));
    REQUIRE(answer.rows.size() == 1);
    check_values(answer.rows[0].values, want);
    CHECK(answer.tier == Tier::raw);
  };
  check(Aggregation::avg, {3, 6, 1, kGap});
  check(Aggregation::min, {2, 6, 1, kGap});
  check(Aggregation::max, {4, 6, 1, kGap});
  check(Aggregation::last, {2, 6, 1, kGap});
}

TEST_CASE("steps of whole minutes are left-open, others right-open") {
  RangeHouse house;
  house.put("a", {60'000, 120'000}, {1, 2});
  const auto minutes = house.ask(house.question(0, 179'999, 60'000, Aggregation::last));
  CHECK(minutes.timestamps_ms == std::vector<std::int64_t>{0, 60'000, 120'000});
  check_values(minutes.rows.at(0).values, {1, 2, kGap});
  const auto halves = house.ask(house.question(0, 149'999, 30'000, Aggregation::last));
  check_values(halves.rows.at(0).values, {kGap, kGap, 1, kGap, 2});
}

TEST_CASE("a rate counts from the sample before its step, and a decrease as a reset") {
  const auto check = [](std::vector<std::int64_t> times, std::vector<double> values,
                        const RangeQuestion& question, const std::vector<double>& want) {
    RangeHouse house;
    house.source.kind = Kind::counter;
    house.put("a", std::move(times), std::move(values));
    const auto answer = house.ask(question);
    CHECK(answer.unit == "seconds/s");
    REQUIRE(answer.rows.size() == (want.empty() ? 0 : 1));
    if (!want.empty()) check_values(answer.rows[0].values, want);
  };
  const auto ask = RangeHouse::question;
  const std::vector<std::int64_t> seconds{0, 1000, 2000, 3000, 4000};
  check(seconds, {10, 20, 40, 5, 6}, ask(0, 4999, 1000, {}), {kGap, 10, 20, 5, 1});
  check(seconds, {10, 20, 40, 5, 6}, ask(1000, 4999, 2000, Aggregation::rate), {10, 12.5, 1});
  check({0, 181'000}, {0, 181}, ask(181'000, 181'000, 1000, {}), {});
  check({0, 180'000}, {0, 180}, ask(180'000, 180'000, 1000, {}), {1});
  // A marker that a series ended is no sample.
  check({0, 1000, 2000}, {0, std::bit_cast<double>(kStaleBits), 4}, ask(0, 2999, 1000, {}),
        {kGap, kGap, 2});
}

TEST_CASE("an answer has aligned timestamps, sorted rows and its unit") {
  RangeHouse house;
  house.source.kind = Kind::counter;
  std::vector<std::int64_t> times;
  std::vector<double> once;
  std::vector<double> twice;
  for (std::int64_t second = 0; second <= 10; ++second) {
    times.push_back(second * 1000);
    once.push_back(static_cast<double>(second));
    twice.push_back(static_cast<double>(2 * second));
  }
  house.put("user", times, once);
  house.put("idle", times, twice);
  house.put("user", times, twice, "beta");
  auto question = house.question(2500, 6000, 2000);
  const auto answer = house.ask(question);
  CHECK(answer.timestamps_ms == std::vector<std::int64_t>{2000, 4000, 6000});
  CHECK(answer.unit == "seconds/s");
  REQUIRE(answer.rows.size() == 2);
  CHECK(answer.rows[0].labels == Labels{{"mode", "idle"}});
  check_values(answer.rows[0].values, {2, 2, 2});
  check_values(answer.rows[1].values, {1, 1, 1});

  question.metric.matchers = {{"mode", "user"}};
  question.aggregation = Aggregation::max;
  CHECK(house.ask(question).unit == "seconds");
  check_values(house.ask(question).rows.at(0).values, {3, 5, 7});
}

TEST_CASE("what cannot be asked is refused") {
  RangeHouse house;
  house.put("a", {0, 1000, 2000}, {1, 2, 3});
  house.put("b", {0, 1000, 2000}, {1, 2, 3});
  using Refused = QueryFailure::Kind;
  CHECK(house.refusal(house.question(0, 10, 0)) == Refused::bad_data);
  CHECK(house.refusal(house.question(0, 100'000, 1)) == Refused::bad_data);
  CHECK(house.refusal(house.question(200'000, 100'000, 1000)) == Refused::bad_data);
  CHECK(house.refusal(house.question(0, INT64_MAX, INT64_MAX)) == Refused::bad_data);
  auto unknown = house.question(0, 5000, 1000);
  unknown.metric.name = "y";
  CHECK(house.ask(unknown).rows.empty());

  const auto question = house.question(0, 5000, 1000);
  CHECK_FALSE(house.refusal(question));
  house.limits.most_samples = 5;
  CHECK(house.refusal(question) == Refused::execution);
  house.limits = {};
  house.limits.most_series = 1;
  CHECK(house.refusal(question) == Refused::execution);
  house.limits = {};
  house.limits.most_bytes = 100;
  CHECK(house.refusal(question) == Refused::execution);
  house.limits = {};
  house.limits.most_points = 3;
  CHECK(house.refusal(question) == Refused::bad_data);
  house.limits = {};
  house.limits.timeout = std::chrono::milliseconds(0);
  CHECK(house.refusal(question) == Refused::timeout);
}

TEST_CASE("a question ends with whoever asked it") {
  RangeHouse house;
  house.put("a", {0, 1000, 2000}, {1, 2, 3});
  std::atomic<bool> gone{false};
  auto question = house.question(0, 5000, 1000);
  question.cancel = &gone;
  CHECK_FALSE(house.refusal(question));
  gone = true;
  CHECK(house.refusal(question) == QueryFailure::Kind::canceled);
  const auto grown = house.range.growth({question.metric, 0, 5000, &gone}, {});
  REQUIRE(std::holds_alternative<QueryFailure>(grown));
  CHECK(std::get<QueryFailure>(grown).kind == QueryFailure::Kind::canceled);
}

TEST_CASE("a tier answers where its windows are the steps") {
  RangeHouse house;
  house.source.kind = Kind::counter;
  house.source.minutes_from_ms = house.source.hours_from_ms = 0;
  std::vector<std::int64_t> times;
  std::vector<double> values;
  for (std::int64_t i = 0; i < 3 * 360; ++i) {
    times.push_back(i * 10'000 + 1);
    values.push_back(static_cast<double>(i));
  }
  house.put("a", times, values);
  const auto check = [&](std::int64_t step, std::optional<Aggregation> aggregation, Tier tier) {
    CAPTURE(step);
    CHECK(house.ask(house.question(0, 3 * kHours - 1, step, aggregation)).tier == tier);
  };
  check(10'000, {}, Tier::raw);
  check(90'000, {}, Tier::raw);
  check(60'000, {}, Tier::minute);
  check(90 * 60'000, {}, Tier::minute);
  check(kHours, {}, Tier::hour);
  check(2 * kHours, Aggregation::avg, Tier::hour);
  house.source.kind = Kind::gauge;
  check(kHours, Aggregation::avg, Tier::hour);
  check(kHours, Aggregation::rate, Tier::raw);  // a tier keeps the growth of counters only
  house.source.hours_from_ms = INT64_MAX;
  check(kHours, Aggregation::max, Tier::minute);
  house.source.minutes_from_ms = INT64_MAX;
  check(kHours, Aggregation::max, Tier::raw);
}

TEST_CASE("a time that cannot be harms nothing") {
  RangeHouse house;
  house.put("a", {INT64_MIN, 60'001}, {1, 2});
  house.source.raw_from_ms = house.source.minutes_from_ms = house.source.hours_from_ms = INT64_MIN;
  for (const std::int64_t step : {1000, 60'000, 3'600'000}) {
    const auto answer = house.ask(house.question(0, 119'999, step, Aggregation::last));
    REQUIRE(answer.rows.size() == 1);
    CHECK(*std::find_if(answer.rows[0].values.begin(), answer.rows[0].values.end(),
                        [](double value) { return !std::isnan(value); }) == 2);
  }
}

TEST_CASE("windows stand for samples that are gone") {
  RangeHouse house;
  house.source.minutes_from_ms = house.source.hours_from_ms = 0;
  std::vector<std::int64_t> times;
  std::vector<double> values;
  for (std::int64_t second = 1; second <= 3 * 3600; ++second) {
    times.push_back(second * 1000);
    values.push_back(static_cast<double>((second - 1) / 60));  // the number of its minute
  }
  house.put("a", times, values);
  const auto check = [&](std::int64_t start, std::int64_t end, std::int64_t step, Tier tier,
                         const std::vector<double>& want) {
    const auto answer = house.ask(house.question(start, end, step, Aggregation::avg));
    CHECK(answer.tier == tier);
    CHECK(answer.step_ms == step);
    REQUIRE(answer.rows.size() == 1);
    check_values(answer.rows[0].values, want);
  };
  house.source.raw_from_ms = 2 * kHours + 1;
  // Each step finer than a minute shows its minute.
  check(60'000, 120'000, 20'000, Tier::minute, {1, 1, 1, 2});
  check(kHours + 10'000, kHours + 69'000, 15'000, Tier::minute, {60, 60, 60, 60, 61});
  // Longer ones that are no multiple: the minutes that end in them.
  check(0, 269'999, 90'000, Tier::minute, {0, 1.5, 3});
  // Samples from where there are some.
  check(2 * kHours - 40'000, 2 * kHours + 59'999, 20'000, Tier::minute, {119, 119, 120, 120, 120});
  check(2 * kHours + 20'000, 2 * kHours + 59'999, 20'000, Tier::raw, {120, 120});
  // Where minutes are gone too, each shows its hour.
  house.source.minutes_from_ms = kHours + 1;
  check(0, 59'999, 30'000, Tier::hour, {29.5, 29.5});
  check(kHours - 60'000, kHours + 119'999, 60'000, Tier::hour, {29.5, 60, 61});
  check(0, 3 * kHours - 1, kHours, Tier::hour, {29.5, 89.5, 149.5});
  // Windows that begin within an hour begin with all there was.
  house.source.minutes_from_ms = kHours + 40 * 60'000;
  check(2 * kHours - 120'000, 2 * kHours + 119'999, 120'000, Tier::minute, {118.5, 120.5});
}

// Samples in bursts with gaps, resets and times on and off the borders of windows.
void fill_at_random(std::mt19937_64& random, std::vector<std::int64_t>& times,
                    std::vector<double>& values) {
  std::int64_t time = static_cast<std::int64_t>(random() % 100'000);
  double value = static_cast<double>(random() % 1000);
  const std::int64_t period = random() % 2 == 0 ? 1000 : 7000 + static_cast<int>(random() % 9000);
  while (times.size() < 6000) {
    times.push_back(time);
    values.push_back(value);
    time += random() % 50 == 0 ? static_cast<std::int64_t>(1 + random() % 900'000) : period;
    value = random() % 300 == 0 ? static_cast<double>(random() % 10)
                                : value + static_cast<double>(random() % 64);
  }
}

TEST_CASE("windows answer as samples do") {
  const auto seed = test::random_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 40; ++round) {
    RangeHouse house;
    house.source.kind = random() % 2 == 0 ? Kind::counter : Kind::gauge;
    std::vector<std::int64_t> times;
    std::vector<double> values;
    fill_at_random(random, times, values);
    house.put("a", times, values);
    const std::int64_t unit = random() % 2 == 0 ? 60'000 : kHours;
    const std::int64_t step = unit * static_cast<std::int64_t>(1 + random() % 7);
    const auto start = static_cast<std::int64_t>(random() % 5'000'000);
    const auto end = start + step * static_cast<std::int64_t>(1 + random() % 50);
    for (const Aggregation aggregation : {Aggregation::avg, Aggregation::min, Aggregation::max,
                                          Aggregation::last, Aggregation::rate}) {
      house.source.minutes_from_ms = house.source.hours_from_ms = INT64_MAX;
      const auto question = house.question(start, end, step, aggregation);
      const auto raw = house.ask(question);
      REQUIRE(raw.tier == Tier::raw);
      house.source.minutes_from_ms = house.source.hours_from_ms = 0;
      const auto tiered = house.ask(question);
      if (house.source.kind == Kind::counter) CHECK(tiered.tier != Tier::raw);
      CAPTURE(static_cast<int>(aggregation), start, end, step);
      REQUIRE(raw.rows.size() == tiered.rows.size());
      if (!raw.rows.empty()) check_values(tiered.rows[0].values, raw.rows[0].values);
    }
  }
}

}  // namespace
}  // namespace volta
