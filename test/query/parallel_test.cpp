// What a query answers does not depend on how many threads work on it.
#include <bit>

#include <catch2/catch.hpp>

#include "query/budget.hpp"
#include "query/engine.hpp"
#include "query/memory_source.hpp"

namespace volta::test {
namespace {

constexpr std::int64_t kParallelMinute = 60'000;

void fill_parallel(MemorySource& source) {
  for (int i = 0; i < 60; ++i) {
    std::vector<std::int64_t> times;
    std::vector<double> values;
    double value = i;
    for (std::int64_t s = 0; s < 1500; ++s) {
      if ((s * 7 + i) % 53 == 0) continue;  // gaps
      value = (s + i) % 211 == 0 ? 0 : value + static_cast<double>((s * i) % 5);
      times.push_back(s * 15'000);
      values.push_back((s + 3 * i) % 307 == 5 ? std::bit_cast<double>(kStaleBits) : value);
    }
    source.add({{"__name__", "c"}, {"g", std::to_string(i % 7)}, {"i", std::to_string(i)}},
               std::move(times), std::move(values));
  }
  for (int i = 0; i < 40; ++i) {
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (std::int64_t s = 0; s < 6500; ++s) {
      times.push_back(s * kParallelMinute - 7 * i);
      values.push_back(static_cast<double>((s * 31 + i) % 1000) / 8);
    }
    source.add({{"__name__", "d"}, {"i", std::to_string(i)}}, std::move(times), std::move(values));
  }
}

// Bit for bit.
bool same(const QueryOutcome& a, const QueryOutcome& b) {
  const auto* x = std::get_if<QueryAnswer>(&a);
  const auto* y = std::get_if<QueryAnswer>(&b);
  if (x == nullptr || y == nullptr || x->tier != y->tier || x->samples_read != y->samples_read) {
    return false;
  }
  const auto& rows = std::get<MatrixValue>(x->value).rows;
  const auto& others = std::get<MatrixValue>(y->value).rows;
  const auto bits = [](double p, double q) {
    return std::bit_cast<std::uint64_t>(p) == std::bit_cast<std::uint64_t>(q);
  };
  return std::equal(rows.begin(), rows.end(), others.begin(), others.end(),
                    [&](const MatrixValue::Row& p, const MatrixValue::Row& q) {
                      return *p.labels == *q.labels && p.times_ms == q.times_ms &&
                             std::equal(p.values.begin(), p.values.end(), q.values.begin(),
                                        q.values.end(), bits);
                    });
}

TEST_CASE("many threads give what one gives") {
  MemorySource source;
  fill_parallel(source);
  const auto check = [&](std::string_view expression, std::int64_t minutes, std::int64_t step_ms) {
    INFO(expression);
    const RangeQuery query{expression, 10 * kParallelMinute, (10 + minutes) * kParallelMinute,
                           step_ms};
    const PromqlEngine one(source, 1);
    const PromqlEngine four(source, 4);
    const std::size_t reads = source.raw_reads + source.window_reads;
    const auto want = one.range(query, {}, nullptr);
    const std::size_t reads_of_one = source.raw_reads + source.window_reads - reads;
    const auto got = four.range(query, {}, nullptr);
    REQUIRE(std::holds_alternative<QueryAnswer>(want));
    CHECK(same(want, got));
    CHECK(source.raw_reads + source.window_reads > reads + 2 * reads_of_one);
  };
  for (int round = 0; round < 2; ++round) {
    check("c", 360, 5'000);
    check("rate(c[5m])", 360, 5'000);
    check("quantile_over_time(0.9, c[2m])", 360, 5'000);
    check("sum by (g) (rate(c[1m])) / count by (g) (c)", 360, 5'000);
    check("topk(3, max_over_time(c[3m]))", 360, 5'000);
    source.minutes_from_ms = 0;  // the second time windows answer what they can
  }
  check("sum_over_time(d[10m])", 6'400, kParallelMinute);
  check("d", 6'400, kParallelMinute);
}

TEST_CASE("what is small stays on its thread") {
  MemorySource source;
  fill_parallel(source);
  const PromqlEngine four(source, 4);
  const auto outcome = four.instant({"rate(c[1m])", 100 * kParallelMinute}, {}, nullptr);
  CHECK(std::holds_alternative<QueryAnswer>(outcome));
  CHECK(source.raw_reads == 1);
}

// Empty: it was answered.
std::string failure_of(const PromqlEngine& engine, const QueryLimits& limits) {
  const RangeQuery query{"rate(c[5m])", 10 * kParallelMinute, 370 * kParallelMinute, 5'000};
  const auto outcome = engine.range(query, limits, nullptr);
  const auto* failed = std::get_if<QueryFailure>(&outcome);
  return failed == nullptr ? std::string() : failed->text;
}

// The most memory with which one thread cannot answer: it lacks a byte of scratch space for the
// series that needs the most of it, which threads need as well.
std::size_t bytes_too_few(const SeriesSource& source) {
  const PromqlEngine one(source, 1);
  std::size_t few = 1;
  std::size_t enough = 8U << 20U;
  while (enough - few > 1) {
    QueryLimits limits;
    limits.most_bytes = few + (enough - few) / 2;
    (failure_of(one, limits).empty() ? enough : few) = limits.most_bytes;
  }
  return few;
}

TEST_CASE("a query fails of what failed first, whichever thread says so") {
  promql::Budget budget({}, nullptr);
  const auto fail = [&](const char* why) {
    try {
      throw promql::Stop(why);
    } catch (...) {
      budget.end(std::current_exception());
    }
  };
  CHECK_NOTHROW(budget.check());
  fail("too many samples");
  CHECK_THROWS_AS(budget.check(), promql::Stop);
  fail("the query has failed");
  CHECK_THROWS_WITH(std::rethrow_exception(budget.failure()), "too many samples");
}

TEST_CASE("a limit ends all threads of a query") {
  MemorySource source;
  fill_parallel(source);
  const PromqlEngine four(source, 4);
  QueryLimits limits;
  CHECK(failure_of(four, limits).empty());
  limits.most_samples = 50'000;
  CHECK(failure_of(four, limits).find("too many samples") != std::string::npos);
  limits = {};
  limits.most_bytes = bytes_too_few(source);
  CHECK(failure_of(four, limits).find("intermediate results") != std::string::npos);
  limits = {};
  CHECK(failure_of(four, limits).empty());
}

}  // namespace
}  // namespace volta::test
