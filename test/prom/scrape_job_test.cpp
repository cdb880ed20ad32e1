#include "prom/scrape_job.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

std::vector<ScrapeTarget> targets_of(const ScrapeJob& job, const std::vector<TargetGroup>& groups) {
  std::vector<std::string> complaints;
  auto targets = make_targets(job, groups, complaints);
  CHECK(complaints.empty());
  return targets;
}

TEST_CASE("a target has its job, its group's labels and its instance") {
  ScrapeJob job;
  job.name = "node";
  const auto targets =
      targets_of(job, {{{"a:9100", "[::1]:9100"}, {{"rack", "7"}}},
                       {{"a:9100"}, {{"rack", "7"}}},
                       {{"b"}, {{"instance", "bee"}, {"job", "other"}, {"__meta_x", "y"}}}});
  REQUIRE(targets.size() == 3);
  CHECK(targets[0].url == "http://a:9100/metrics");
  CHECK(targets[0].labels == Labels{{"instance", "a:9100"}, {"job", "node"}, {"rack", "7"}});
  CHECK(targets[0].pool == "node");
  CHECK(targets[0].interval_ms == 60'000);
  CHECK(label_value(targets[0].discovered, "__address__") == "a:9100");
  CHECK(targets[1].url == "http://[::1]:9100/metrics");
  CHECK(targets[2].labels == Labels{{"instance", "bee"}, {"job", "other"}});
  CHECK(target_hash(targets[0]) != target_hash(targets[1]));
  CHECK(target_hash(targets[0]) ==
        target_hash(targets_of(job, {{{"a:9100"}, {{"rack", "7"}}}})[0]));
}

TEST_CASE("relabelling drops targets and moves them elsewhere") {
  ScrapeJob job;
  job.name = "probe";
  job.scheme = "https";
  const auto relabel = Relabeler::make(std::vector<RelabelRule>{
      {RelabelAction::drop, {"skip"}, ";", "yes", "", "$1", 0},
      {RelabelAction::replace, {"__address__"}, ";", "(.*)", "__param_target", "$1", 0},
      {RelabelAction::replace, {}, ";", "(.*)", "__address__", "prober:9115", 0},
      {RelabelAction::replace, {"__param_target"}, ";", "(.*)", "instance", "$1", 0}});
  REQUIRE(relabel);
  job.target_relabel = relabel.value();
  const auto targets = targets_of(job, {{{"bmc&1"}, {}}, {{"bmc2"}, {{"skip", "yes"}}}});
  REQUIRE(targets.size() == 1);
  CHECK(targets[0].url == "https://prober:9115/metrics?target=bmc%261");
  CHECK(targets[0].labels == Labels{{"instance", "bmc&1"}, {"job", "probe"}});
}

TEST_CASE("what is no address is left out and said") {
  ScrapeJob job;
  job.name = "j";
  for (const char* address :
       {"", "a b:1", "user@host:1", "host:1/x", "host?x", "host#x", "h\r\nx: y", "http://host:1"}) {
    INFO(address);
    std::vector<std::string> complaints;
    CHECK(make_targets(job, {{{address, "good:1"}, {}}}, complaints).size() == 1);
    CHECK(complaints.size() == 1);
  }
}

TEST_CASE("a job that cannot work is refused with the reason") {
  const auto check = [](auto&& change, const std::string& wanted) {
    ScrapeJob job;
    job.name = "j";
    REQUIRE(check_scrape_job(job));
    change(job);
    const auto result = check_scrape_job(job);
    REQUIRE_FALSE(result);
    INFO(result.error().text);
    CHECK(result.error().text.find(wanted) != std::string::npos);
  };
  check([](ScrapeJob& j) { j.name = ""; }, "no name");
  check([](ScrapeJob& j) { j.scheme = "ftp"; }, "scheme");
  check([](ScrapeJob& j) { j.metrics_path = "metrics"; }, "metrics_path");
  check([](ScrapeJob& j) { j.metrics_path = "/m?x=1"; }, "metrics_path");
  check([](ScrapeJob& j) { j.interval = std::chrono::milliseconds(1); }, "interval");
  check([](ScrapeJob& j) { j.interval = j.timeout = std::chrono::hours(24 * 25); }, "interval");
  check([](ScrapeJob& j) { j.timeout = std::chrono::minutes(2); }, "timeout");
  check([](ScrapeJob& j) { j.file_sd = {"/etc/targets.yml"}; }, "JSON");
  check([](ScrapeJob& j) { j.credentials.headers = {{"accept", "x"}}; }, "accept");
}

}  // namespace
}  // namespace volta
