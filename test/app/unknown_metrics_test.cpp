#include "app/unknown_metrics.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("the metrics that an expression names") {
  using Names = std::vector<std::string>;
  CHECK(metrics_in("up") == Names{"up"});
  CHECK(metrics_in("sum by (mode) (rate(a:b[5m])) / on (host) group_left (job) c offset 1h") ==
        Names{"a:b", "c"});
  CHECK(metrics_in("topk(scalar(k), -(x{y=\"z\"} > bool x)) or max_over_time(w[1h:1m])") ==
        Names{"k", "x", "w"});
  CHECK(metrics_in("{__name__=\"a\"} + 1 + time()").empty());
  CHECK(metrics_in("sum(").empty());
}

TEST_CASE("an unknown metric is named with the nearest one") {
  const std::vector<std::string> known{"node_load1", "node_load15", "up"};
  CHECK(unknown_metrics_text({"node_laod1", "up"}, known) ==
        "there is no metric node_laod1; did you mean node_load1?\n");
  CHECK(unknown_metrics_text({"zzzzzz", "upp"}, known) ==
        "there is no metric zzzzzz\nthere is no metric upp; did you mean up?\n");
  CHECK(unknown_metrics_text({"up"}, known).empty());
  CHECK(unknown_metrics_text({"up"}, {}) == "there is no metric up\n");
}

}  // namespace
}  // namespace volta
