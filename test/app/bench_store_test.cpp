#include "app/bench_store.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "support/temp_dir.hpp"

using namespace volta;

namespace {

BenchStorePlan small_plan(const test::TempDir& parent) {
  BenchStorePlan plan;
  plan.directory = parent.path();
  plan.hosts = 2;
  plan.series = 16;
  plan.ticks = 600;
  plan.most = std::chrono::seconds(3);
  return plan;
}

}  // namespace

TEST_CASE("a benchmark of the store measures and leaves nothing behind") {
  const test::TempDir parent;
  const BenchStoreReport report = bench_store(small_plan(parent), [] { return false; });
  CHECK(report.samples == 2 * 16 * 600);
  CHECK(report.ingest_cpu_s > 0);
  CHECK(report.seal_cpu_s > 0);
  CHECK(report.raw_bytes > 0);
  CHECK(report.whole_bytes > report.raw_bytes);
  REQUIRE(report.queries.size() == 3);
  for (const auto& query : report.queries) {
    CHECK(query.runs >= 3);
    CHECK(query.p50_ms > 0);
    CHECK(query.p99_ms >= query.p50_ms);
  }
  CHECK(std::filesystem::is_empty(parent.path()));
}

TEST_CASE("a benchmark of the store that is ended leaves nothing behind") {
  const test::TempDir parent;
  int asked = 0;
  CHECK_THROWS_AS(bench_store(small_plan(parent), [&] { return ++asked > 20; }), Failure);
  CHECK(asked == 21);
  CHECK(std::filesystem::is_empty(parent.path()));
  BenchStorePlan plan = small_plan(parent);
  plan.directory /= "not-there";
  CHECK_THROWS_AS(bench_store(plan, [] { return false; }), SystemFailure);
}
