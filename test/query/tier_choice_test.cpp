#include "query/tier_choice.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "query/engine.hpp"
#include "query/load.hpp"
#include "support/seed.hpp"

namespace volta::test {
namespace {

using promql::FunctionId;
using promql::WindowTimes;

constexpr std::int64_t kMin = 60'000;
constexpr std::int64_t kHour = 60 * kMin;

TEST_CASE("windows answer where they make up those of the query") {
  MemorySource source;
  source.minutes_from_ms = 0;
  source.hours_from_ms = 0;
  const auto check = [&](FunctionId function, const WindowTimes& windows, Tier want) {
    CHECK(exact_tier(source, function, windows) == want);
  };
  const auto windows = [](std::int64_t start, std::int64_t step, std::int64_t range) {
    return WindowTimes{{start, step, 10}, false, 0, 0, range};
  };
  check(FunctionId::rate, windows(2 * kHour, kHour, kHour), Tier::hour);
  check(FunctionId::rate, windows(2 * kHour, kMin, kHour), Tier::minute);
  check(FunctionId::rate, windows(2 * kHour, kHour, 5 * kMin), Tier::minute);
  check(FunctionId::rate, windows(2 * kHour + 1, kMin, kMin), Tier::raw);
  check(FunctionId::rate, windows(2 * kHour, kMin, kMin / 2), Tier::raw);
  check(FunctionId::rate, windows(2 * kHour, 15'000, kMin), Tier::raw);
  check(FunctionId::resets, windows(2 * kHour, kHour, kHour), Tier::raw);
  check(FunctionId::irate, windows(2 * kHour, kHour, kHour), Tier::raw);
  WindowTimes fixed = windows(7, 1, kHour);
  fixed.fixed = true;
  fixed.fixed_ms = 3 * kHour;
  check(FunctionId::max_over_time, fixed, Tier::hour);
  fixed.offset_ms = kMin;
  check(FunctionId::max_over_time, fixed, Tier::minute);
  source.hours_from_ms = kHour + 2;
  check(FunctionId::rate, windows(2 * kHour, kHour, kHour), Tier::minute);
  source.raw_from_ms = kHour + 2;
  check(FunctionId::rate, windows(2 * kHour, kHour, kHour), Tier::hour);
  source.hours_from_ms = source.minutes_from_ms = INT64_MAX;
  check(FunctionId::rate, windows(2 * kHour, kHour, kHour), Tier::raw);
}

// Counts what takes a real store some statements each.
struct AskedSource : MemorySource {
  mutable int asked = 0;
  [[nodiscard]] std::optional<std::int64_t> oldest_ms(Tier tier) const override {
    ++asked;
    return MemorySource::oldest_ms(tier);
  }
};

TEST_CASE("how far a tier goes back is asked only where its windows would do, and once") {
  AskedSource source;
  source.minutes_from_ms = 0;
  source.hours_from_ms = INT64_MAX;
  const auto asked = [&](std::int64_t start, std::int64_t step, std::int64_t range) {
    source.asked = 0;
    exact_tier(source, FunctionId::rate, {{start, step, 10}, false, 0, 0, range});
    return source.asked;
  };
  CHECK(asked(2 * kHour + 1, kMin, kMin) == 0);
  CHECK(asked(2 * kHour, 15'000, kMin) == 0);
  CHECK(asked(2 * kHour, kMin, kMin) == 2);
  CHECK(asked(2 * kHour, kHour, kHour) == 3);
}

TEST_CASE("windows stand in up to where samples begin, and not for a window more") {
  MemorySource source;
  const auto check = [&](TimeSpan span, std::int64_t hours_to_ms, std::int64_t minutes_to_ms) {
    CAPTURE(source.raw_from_ms, source.minutes_from_ms, span.start_ms, span.end_ms);
    const auto found = promql::stand_ins(source, span);
    CHECK(found.hours_to_ms == hours_to_ms);
    CHECK(found.minutes_to_ms == minutes_to_ms);
  };
  const TimeSpan all{1, 10 * kHour};
  source.minutes_from_ms = 1;
  // Samples go by whole hours, so all there are begin right behind one.
  source.raw_from_ms = 5 * kHour + 1;
  check(all, INT64_MIN, 5 * kHour);
  source.raw_from_ms = 5 * kHour;
  check(all, INT64_MIN, 5 * kHour);
  source.raw_from_ms = 5 * kHour + 2;
  check(all, INT64_MIN, 5 * kHour + kMin);
  source.raw_from_ms = 5 * kHour + 1;
  check({1, 5 * kHour}, INT64_MIN, 5 * kHour);
  check({1, 4 * kHour + 1}, INT64_MIN, 4 * kHour + kMin);
  check({5 * kHour, 10 * kHour}, INT64_MIN, 5 * kHour);
  check({5 * kHour + 1, 10 * kHour}, INT64_MIN, INT64_MIN);  // all there
  // The same where minutes begin.
  source.hours_from_ms = 1;
  source.minutes_from_ms = 2 * kHour + 1;
  check(all, 2 * kHour, 5 * kHour);
  source.minutes_from_ms = 2 * kHour;
  check(all, 2 * kHour, 5 * kHour);
  source.minutes_from_ms = 2 * kHour + 2;
  check(all, 3 * kHour, 5 * kHour);
  source.minutes_from_ms = INT64_MAX;
  check(all, 5 * kHour, INT64_MIN);
  source.raw_from_ms = 5 * kHour + 2;
  check(all, 6 * kHour, INT64_MIN);
}

TEST_CASE("at the border each sample that is there counts as itself") {
  MemorySource source;
  load(source, "c 0+1x1000", 5'000, 15'000);
  source.minutes_from_ms = 1;
  source.raw_from_ms = 3 * kHour + 1;
  const PromqlEngine engine(source);
  const auto count = [&](std::int64_t time_ms) {
    const auto outcome = engine.instant({"count_over_time(c[7m])", time_ms}, {}, nullptr);
    return std::get<VectorValue>(std::get<QueryAnswer>(outcome).value).elements.at(0).value;
  };
  // Four a minute, of which two stand for a minute that is gone.
  CHECK(count(3 * kHour + 7 * kMin + 1) == 28);
  CHECK(count(3 * kHour + 6 * kMin + 1) == 24 + 2);
  CHECK(count(3 * kHour + 1) == 14);
}

// Counters with resets, gauges, gaps, stale markers, NaN; uneven distances.
void add_random_series(MemorySource& source, std::mt19937_64& random, int index) {
  const auto chance = [&](int of) { return random() % static_cast<unsigned>(of) == 0; };
  const bool counter = index % 2 == 0;
  std::vector<std::int64_t> times;
  std::vector<double> values;
  double value = 100;
  const std::int64_t usual_ms = index % 3 == 0 ? 90'000 : 7'000;
  for (std::int64_t t = 1; t < 8 * kHour;) {
    t += usual_ms + static_cast<std::int64_t>(random() % 3000);
    if (chance(150)) {
      times.push_back(t);
      values.push_back(std::bit_cast<double>(kStaleBits));
      t += static_cast<std::int64_t>(random() % (20 * kMin));
      continue;
    }
    const double by = static_cast<double>(random() % 1000) / 8;
    value = counter ? value + by : by - 60;
    if (counter && chance(100)) value = by / 10;
    times.push_back(t);
    values.push_back(!counter && chance(500) ? std::nan("") : value);
  }
  source.add({{"__name__", counter ? "c" : "g"}, {"i", std::to_string(index)}}, std::move(times),
             std::move(values));
}

// Whether the two agree: the same rows and steps, values to 1e-9.
void check_same(const QueryOutcome& got, const QueryOutcome& want) {
  const auto& a = std::get<MatrixValue>(std::get<QueryAnswer>(got).value).rows;
  const auto& b = std::get<MatrixValue>(std::get<QueryAnswer>(want).value).rows;
  REQUIRE(a.size() == b.size());
  for (std::size_t r = 0; r < a.size(); ++r) {
    REQUIRE(*a[r].labels == *b[r].labels);
    REQUIRE(a[r].times_ms == b[r].times_ms);
    for (std::size_t i = 0; i < a[r].values.size(); ++i) {
      const double x = a[r].values[i];
      const double y = b[r].values[i];
      INFO(x << " and " << y << " at " << a[r].times_ms[i]);
      REQUIRE(((std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= 1e-9 * std::abs(y)));
    }
  }
}

TEST_CASE("windows and samples give the same") {
  const auto seed = test::random_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  MemorySource raw;
  for (int i = 0; i < 12; ++i) add_random_series(raw, random, i);
  MemorySource rolled = raw;
  rolled.minutes_from_ms = rolled.hours_from_ms = 0;
  const PromqlEngine by_raw(raw);
  const PromqlEngine by_windows(rolled);
  const auto check = [&](const std::string& expression, std::int64_t step, Tier want) {
    INFO(expression << " by " << step);
    const RangeQuery query{expression, kHour, 8 * kHour + 30 * kMin, step};
    const auto got = by_windows.range(query, {}, nullptr);
    CHECK(std::get<QueryAnswer>(got).tier == want);
    check_same(got, by_raw.range(query, {}, nullptr));
  };
  for (const char* function : {"min", "max", "sum", "avg", "count", "present", "last", "first"}) {
    for (const char* metric : {"c", "g"}) {
      const std::string call = std::string(function) + "_over_time(" + metric;
      check(call + "[1m])", 5 * kMin, Tier::minute);
      check(call + "[7m])", 3 * kMin, Tier::minute);
      check(call + "[2h])", kHour, Tier::hour);
      check(call + "[1h] offset 1h)", kHour, Tier::hour);
      check(call + "[1h])", kMin, Tier::minute);
      check(call + "[90s])", kMin, Tier::raw);
    }
  }
  for (const char* function : {"rate", "increase", "delta"}) {
    const std::string call =
        std::string(function) + (function == std::string("delta") ? "(g" : "(c");
    check(call + "[1m])", kMin, Tier::minute);
    check(call + "[5m])", kMin, Tier::minute);
    check(call + "[1h])", kHour, Tier::hour);
    check(call + "[3h] @ 10800)", 7000, Tier::hour);
  }
  check("c", kMin, Tier::minute);
  check("g offset 3m", 2 * kMin, Tier::minute);
  check("timestamp(c)", kMin, Tier::minute);
  check("c", 15'000, Tier::raw);
  check("sum(rate(c[5m])) / count(g)", kMin, Tier::minute);
}

TEST_CASE("where samples are gone, windows stand for them") {
  MemorySource source;
  load(source, "c 0+1x1000", 5'000, 15'000);  // until 4:10:05
  const PromqlEngine engine(source);
  const auto answer = [&](std::string_view expression, std::int64_t time_ms) {
    const auto outcome = engine.instant({expression, time_ms}, {}, nullptr);
    const auto& elements = std::get<VectorValue>(std::get<QueryAnswer>(outcome).value).elements;
    return elements.empty() ? -1 : elements[0].value;
  };
  source.raw_from_ms = 3 * kHour + 7;
  CHECK(answer("c", 2 * kHour + 7'000) == -1);
  source.minutes_from_ms = 90 * kMin;
  CHECK(answer("c", 2 * kHour + 7'000) == 480);
  CHECK(answer("irate(c[2m])", 2 * kHour + 7'000) == Approx(1.0 / 15));
  CHECK(answer("rate(c[10m])", 2 * kHour + 7'000) == Approx(1.0 / 15).epsilon(0.05));
  CHECK(answer("rate(c[10m])", 3 * kHour + 3 * kMin + 7) == Approx(1.0 / 15));
  CHECK(answer("resets(c[2h])", 4 * kHour + 7) == 0);
  CHECK(answer("count_over_time(c[2m])", 2 * kHour + 1) == 4);
  CHECK(answer("count_over_time(c[2m])", 2 * kHour) == 8);
  CHECK(answer("c", kHour + 7'000) == -1);
  source.hours_from_ms = 0;
  CHECK(answer("c", kHour + 7'000) == 240);
  CHECK(answer("increase(c[4h])", 4 * kHour + 7) == Approx(960).epsilon(0.001));
  CHECK(answer("sum_over_time(c[1h])", 2 * kHour) == Approx(240 * 240 + 239 * 120));
}

TEST_CASE("series behind windows that stand in are held one at a time") {
  MemorySource source;
  for (int i = 0; i < 64; ++i) {
    load(source, "c{i=\"" + std::to_string(i) + "\"} 0+1x1000", 5'000, 15'000);  // until 4:10:05
  }
  source.raw_from_ms = kHour + 7;
  source.minutes_from_ms = 1;
  const PromqlEngine engine(source, 1);
  QueryLimits limits;
  limits.most_bytes = 400'000;  // all windows and a few series, of which each has 12 KB of samples
  const auto outcome = engine.instant({"resets(c[4h])", 4 * kHour + 7}, limits, nullptr);
  const auto* answer = std::get_if<QueryAnswer>(&outcome);
  REQUIRE(answer != nullptr);
  CHECK(std::get<VectorValue>(answer->value).elements.size() == 64);
}

TEST_CASE("where a tier that answers begins, a coarser one stands in before it") {
  MemorySource source;
  load(source, "c 0+1x1000", 5'000, 15'000);  // until 4:10:05
  const PromqlEngine engine(source);
  source.raw_from_ms = 3 * kHour + 1;
  source.minutes_from_ms = 2 * kHour + 1;
  source.hours_from_ms = 1;
  // Whole minutes, of which the minutes' tier answers what it has.
  const auto check = [&](std::string_view expression, const std::vector<double>& want) {
    INFO(expression);
    const auto outcome = engine.range({expression, kHour, 3 * kHour, kHour}, {}, nullptr);
    const auto& rows = std::get<MatrixValue>(std::get<QueryAnswer>(outcome).value).rows;
    REQUIRE(rows.size() == 1);
    REQUIRE(rows[0].values.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(rows[0].values[i] == Approx(want[i]));
  };
  check("c", {239, 479, 719});
  check("last_over_time(c[90m])", {239, 479, 719});
  check("min_over_time(c[59m])", {239, 479, 484});  // the last of the hour, the whole of minutes
  source.hours_from_ms = INT64_MAX;
  check("last_over_time(c[1m])", {719});
}

TEST_CASE("of a young store minutes are all there is") {
  MemorySource source;
  source.minutes_from_ms = kHour + 25 * kMin + 1;
  source.hours_from_ms = 26 * kMin + 1;  // 59 minutes before
  source.raw_from_ms = kHour + 25 * kMin + 1;
  const WindowTimes windows{{kHour, kMin, 100}, false, 0, 0, kMin};
  CHECK(steps_beyond(source, Tier::minute, windows) == 0);
  source.hours_from_ms = 1;
  CHECK(steps_beyond(source, Tier::hour, windows) == 0);
  CHECK(steps_beyond(source, Tier::minute, windows) == 26);
}

}  // namespace
}  // namespace volta::test
