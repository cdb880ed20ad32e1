#include <bit>
#include <limits>
#include <random>
#include <utility>

#include <catch2/catch.hpp>

#include "query/aggregation.hpp"
#include "query/histogram.hpp"
#include "query/instant_functions.hpp"
#include "query/label_functions.hpp"
#include "query/numeric.hpp"
#include "query/range_functions.hpp"
#include "support/seed.hpp"

namespace volta::promql {
namespace {

TEST_CASE("sums keep what plain addition loses, means do not overflow") {
  KahanSum sum;
  for (const double value : {1.0, 1e100, 1.0, -1e100}) sum.add(value);
  CHECK(sum.value() == 2);
  Mean mean;
  for (const double value : {1.5e308, 1.7e308, 1.6e308}) mean.add(value);
  CHECK(mean.value() == Approx(1.6e308));
}

TEST_CASE("quantiles interpolate, NaN is least") {
  const auto check = [](double q, std::vector<double> values, double want) {
    const double got = quantile_of(q, values);
    CHECK((got == want || (std::isnan(got) && std::isnan(want))));
  };
  check(0.5, {3, 1, 2}, 2);
  check(0.25, {1, 2}, 1.25);
  check(1, {5, 9, 7}, 9);
  check(-0.1, {1}, -kInfinity);
  check(1.1, {1}, kInfinity);
  check(kNaN, {1}, kNaN);
  check(0.5, {}, kNaN);
  check(0, {1, kNaN}, kNaN);
  check(1, {1, kNaN}, 1);
}

TEST_CASE("numbers as labels have no exponent") {
  const auto check = [](double value, const char* want) { CHECK(label_of_number(value) == want); };
  check(0, "0");
  check(-0.0, "-0");
  check(1.5, "1.5");
  check(-123.25, "-123.25");
  check(1e21, "1000000000000000000000");
  check(0.1 + 0.2, "0.30000000000000004");
  check(-1.5e-7, "-0.00000015");
  check(120, "120");
  check(kNaN, "NaN");
  check(-kInfinity, "-Inf");
}

TEST_CASE("buckets that fall are repaired") {
  const auto check = [](double q, std::vector<Bucket> buckets, double want) {
    const double got = bucket_quantile(q, buckets);
    CHECK((got == Approx(want) || (std::isnan(got) && std::isnan(want))));
  };
  const std::vector<Bucket> plain{{1, 10}, {2, 20}, {kInfinity, 20}};
  check(0.5, plain, 1);
  check(0.75, plain, 1.5);
  check(1, {{1, 10}, {2, 20}, {kInfinity, 40}}, 2);
  check(0.5, {{1, 10}, {2, 5}, {4, 20}, {kInfinity, 20}}, 1);
  check(0.75, {{1, 10}, {2, 5}, {4, 20}, {kInfinity, 20}}, 3);
  check(0.5, {{1, 5}, {1, 5}, {2, 20}, {kInfinity, 20}}, 1);
  check(0.5, {{1, 10}, {2, 20}}, kNaN);
  check(0.5, {{kInfinity, 20}}, kNaN);
  check(0.5, {{1, 0}, {kInfinity, 0}}, kNaN);
  check(0.1, {{-1, 5}, {0, 9}, {kInfinity, 10}}, -1);
}

TEST_CASE("digits are compared as numbers") {
  const auto check = [](std::string_view a, std::string_view b, int want) {
    CHECK(natural_compare(a, b) == want);
    CHECK(natural_compare(b, a) == -want);
  };
  check("a9", "a10", -1);
  check("a10", "a10", 0);
  check("a1b2", "a1b10", -1);
  check("", "a", -1);
  check("99999999999999999999998", "99999999999999999999999", -1);
  check("b", "a9", 1);
}

TEST_CASE("a range function ends when its query does, however few its steps are") {
  const std::atomic<bool> cancel{true};
  Budget budget({}, &cancel);
  constexpr std::int64_t kSamples = 100'000;
  std::vector<std::int64_t> times;
  for (std::int64_t i = 0; i < kSamples; ++i) times.push_back(i);
  const std::vector<double> values(times.size(), 1.0);
  std::vector<double> out(3);
  const WindowTimes windows{{kSamples, 1, out.size()}, false, 0, 0, 2 * kSamples};
  const double share = 0.5;
  const std::vector<ScalarColumn> parameters(2, ScalarColumn{{&share, 1}});
  for (const FunctionId function :
       {FunctionId::quantile_over_time, FunctionId::mad_over_time, FunctionId::deriv,
        FunctionId::sum_over_time, FunctionId::max_over_time, FunctionId::rate,
        FunctionId::double_exponential_smoothing}) {
    CHECK_THROWS_AS(range_function(function, {{times, values}, windows, parameters, &budget}, out),
                    Stop);
  }
}

TEST_CASE("labels are charged for as long as somebody holds them") {
  Budget::Ledger ledger;
  LabelsPtr kept;
  {
    Budget budget({}, nullptr);
    ledger = budget.ledger();
    SeriesMatrix matrix(budget, 1);
    matrix.append({std::make_shared<Labels>(Labels{{"a", "1"}}), false})[0] = 1;
    const std::size_t before = *ledger;
    SeriesMatrix joined = label_join(std::move(matrix), {"b", std::string(5000, 'x'), {"a", "a"}});
    CHECK(*ledger >= before + 5000);
    kept = joined.labels(0).all;
  }
  CHECK(*ledger >= 5000);
  CHECK(*ledger < 6000);
  kept.reset();
  CHECK(*ledger == 0);
}

TEST_CASE("a label that grows without end is refused") {
  const QueryLimits limits;
  Budget budget(limits, nullptr);
  SeriesMatrix matrix(budget, 1);
  matrix.append({std::make_shared<const Labels>(Labels{{"a", std::string(1000, 'x')}}), false})[0] =
      1;
  std::string replacement;
  for (int i = 0; i < 100; ++i) replacement += "$1";
  CHECK_THROWS_AS(label_replace(std::move(matrix), {"b", replacement, "a", "(.*)"}), Stop);
}

TEST_CASE("absent() has the labels that must equal something, once") {
  const auto matcher = [](const char* name, MatchOp op, const char* value) {
    return *LabelMatcher::make(name, op, value);
  };
  const std::vector<LabelMatcher> matchers{
      matcher("__name__", MatchOp::equal, "up"), matcher("b", MatchOp::equal, "1"),
      matcher("a", MatchOp::equal, "2"),         matcher("c", MatchOp::regex, "x"),
      matcher("b", MatchOp::equal, "3"),         matcher("d", MatchOp::equal, "")};
  CHECK(*absent_labels(matchers) == Labels{{"a", "2"}});
}

struct RandomSamples {
  std::vector<std::int64_t> times_ms;
  std::vector<double> values;
};

RandomSamples random_samples(std::mt19937_64& random, bool regular) {
  RandomSamples samples;
  std::int64_t time = 0;
  const std::size_t count = random() % 400;
  for (std::size_t i = 0; i < count; ++i) {
    time += regular ? 100 : 1 + static_cast<std::int64_t>(random() % 200);
    if (random() % 40 == 0) time += 3000;
    samples.times_ms.push_back(time);
    double value = static_cast<double>(random() % 1000) / 8;
    // What additions lose, in both directions and of both signs.
    if (random() % 4 == 0) value *= -1e16 / 3;
    if (random() % 4 == 0) value *= 1e-16 / 3;
    if (random() % 50 == 0) value = -0.0;
    if (random() % 200 == 0) value = random() % 2 == 0 ? kNaN : kInfinity;
    if (random() % 300 == 0) value = 1.7e308;
    samples.values.push_back(value);
  }
  return samples;
}

double slow_sum(std::span<const double> values) {
  KahanSum sum;
  for (const double value : values) sum.add(value);
  return std::isinf(sum.sum) ? sum.sum : sum.value();
}

double slow_mean(std::span<const double> values) {
  Mean mean;
  for (const double value : values) mean.add(value);
  return mean.value();
}

TEST_CASE("windows that are leapt to hold the samples that lie in them") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    const RandomSamples samples = random_samples(random, round % 2 == 0);
    WindowTimes windows;
    windows.grid = {static_cast<std::int64_t>(random() % 3000),
                    1 + static_cast<std::int64_t>(random() % 3000), 1 + random() % 60};
    windows.range_ms = 1 + static_cast<std::int64_t>(random() % 6000);
    windows.fixed = random() % 10 == 0;
    windows.fixed_ms = static_cast<std::int64_t>(random() % 20'000);
    const RangeInput input{{samples.times_ms, samples.values}, windows, {}, nullptr};
    std::vector<double> sums(windows.grid.steps, kAbsent);
    std::vector<double> means(windows.grid.steps, kAbsent);
    std::vector<double> counts(windows.grid.steps, kAbsent);
    range_function(FunctionId::sum_over_time, input, sums);
    range_function(FunctionId::avg_over_time, input, means);
    range_function(FunctionId::count_over_time, input, counts);
    for (std::size_t step = 0; step < windows.grid.steps; ++step) {
      std::vector<double> inside;
      for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
        const std::int64_t time = samples.times_ms[i];
        if (time <= windows.end(step) && time > windows.end(step) - windows.range_ms) {
          inside.push_back(samples.values[i]);
        }
      }
      const auto same = [](double a, double b) {
        return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
               (std::isnan(a) && std::isnan(b) && !is_absent(a) && !is_absent(b));
      };
      if (inside.empty()) {
        CHECK(is_absent(sums[step]));
        continue;
      }
      CHECK(same(counts[step], static_cast<double>(inside.size())));
      CHECK(same(sums[step], slow_sum(inside)));
      CHECK(same(means[step], slow_mean(inside)));
    }
    CHECK(has_nan(samples.values) == std::any_of(samples.values.begin(), samples.values.end(),
                                                 [](double v) { return std::isnan(v); }));
  }
}

TEST_CASE("a NaN is seen wherever it stands, and nothing else is taken for one") {
  using Limits = std::numeric_limits<double>;
  const std::vector<double> numbers{
      0, -0.0, 1, -1, kInfinity, -kInfinity, Limits::max(), Limits::lowest(), Limits::denorm_min()};
  const std::vector<double> others{kNaN, -kNaN, std::bit_cast<double>(0x7ff0'0000'0000'0001),
                                   std::bit_cast<double>(0xffff'ffff'ffff'ffff), kAbsent};
  for (const std::size_t size : {1U, 2U, 3U, 9U, 1024U, 1031U}) {
    std::vector<double> values(size);
    for (std::size_t i = 0; i < size; ++i) values[i] = numbers[i % numbers.size()];
    CHECK(!has_nan(values));
    for (const double other : others) {
      for (const std::size_t place : {std::size_t{0}, size / 2, size - 1}) {
        const double before = std::exchange(values[place], other);
        CHECK(has_nan(values));
        values[place] = before;
      }
    }
  }
}

TEST_CASE("a counter's only drop is seen wherever it stands") {
  for (const std::size_t size : {2U, 3U, 4U, 5U, 8U, 257U, 258U, 259U, 515U}) {
    for (std::size_t drop = 1; drop < size; ++drop) {
      std::vector<std::int64_t> times_ms(size);
      std::vector<double> values(size);
      for (std::size_t i = 0; i < size; ++i) {
        times_ms[i] = static_cast<std::int64_t>(1 + i) * 1000;
        values[i] = static_cast<double>(i < drop ? i + 1 : i - drop);
      }
      WindowTimes windows;
      windows.grid = {times_ms.back(), 1, 1};
      windows.range_ms = times_ms.back();
      std::vector<double> found{kAbsent};
      range_function(FunctionId::increase, {{times_ms, values}, windows, {}, nullptr}, found);
      const Extrapolation expected{times_ms.front(), times_ms.back(),
                                   static_cast<std::int64_t>(size), values.front(),
                                   values.back() - values.front() + values[drop - 1]};
      CHECK(found[0] == extrapolated(expected, {0, times_ms.back()}, FunctionId::increase));
    }
  }
}

}  // namespace
}  // namespace volta::promql
