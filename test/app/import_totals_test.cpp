#include "app/import_totals.hpp"

#include <catch2/catch.hpp>

using namespace volta;

TEST_CASE("of a request that is refused in part, what was written counts") {
  ImportTotals totals;
  totals.count({204, "", {}}, 10);
  CHECK(totals.samples == 10);
  CHECK(totals.refused == 0);
  totals.count({400, "", {{"x-prometheus-remote-write-samples-written", "7"}}}, 10);
  CHECK(totals.samples == 17);
  CHECK(totals.refused == 1);
  totals.count({400, "", {{"content-type", "application/json"}}}, 10);
  CHECK(totals.samples == 17);
  CHECK(totals.refused == 2);
}
