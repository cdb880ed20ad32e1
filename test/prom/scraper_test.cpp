#include "prom/scraper.hpp"

#include <catch2/catch.hpp>

#include "fake_http.hpp"
#include "fake_sink.hpp"
#include "prom/openmetrics_parser.hpp"
#include "support/fake_clock.hpp"

namespace volta {
namespace {

using test::FakeHttp;
using test::FakeSink;

struct Scraping {
  Scraping() {
    job.name = "j";
    job.static_groups = {{{"h:9100"}, {{"rack", "7"}}}};
    job.timeout = std::chrono::milliseconds(2'500);
  }
  ScrapeOutcome scrape(std::int64_t time_ms, const FakeHttp::Answer& answer) {
    if (!scraper) {
      REQUIRE(check_scrape_job(job));
      std::vector<std::string> complaints;
      const auto targets = make_targets(job, job.static_groups, complaints);
      REQUIRE(targets.size() == 1);
      scraper = std::make_unique<Scraper>(std::make_shared<const ScrapeJob>(job), targets[0], http,
                                          sink, clock);
    }
    http.next(answer);
    return scraper->scrape(time_ms, cancel);
  }
  ScrapeOutcome scrape(std::int64_t time_ms, const std::string& body) {
    return scrape(time_ms, FakeHttp::text(body));
  }
  // What the scrape says about itself.
  [[nodiscard]] double report(const std::string& name, std::int64_t time_ms) const {
    return sink.at(labels_of(name), time_ms).value_or(-1);
  }
  static std::string labels_of(const std::string& name, const std::string& more = "") {
    return "{__name__=\"" + name + "\"" + more + ",instance=\"h:9100\",job=\"j\",rack=\"7\"}";
  }

  test::FakeClock clock;
  FakeHttp http;
  FakeSink sink;
  ScrapeJob job;
  std::atomic<bool> cancel{false};
  std::unique_ptr<Scraper> scraper;
};

TEST_CASE("a scrape asks as Prometheus does and writes under the target's labels") {
  Scraping s;
  s.job.params = {{"collect[]", "cpu"}, {"collect[]", "a b"}};
  s.job.credentials.bearer_token = "token";
  s.job.credentials.ca_file = "/ca.pem";
  s.job.body_limit = 1'000;
  const ScrapeOutcome outcome =
      s.scrape(60'000, "# TYPE a counter\na{x=\"1\"} 5\na{x=\"2\"} NaN\nb 7 1234\n");
  CHECK(outcome.up);
  CHECK(outcome.why.empty());
  CHECK(outcome.samples == 8);
  CHECK(s.sink.at("{__name__=\"a\",instance=\"h:9100\",job=\"j\",rack=\"7\",x=\"1\"}", 60'000) ==
        5.0);
  CHECK(s.sink.at(Scraping::labels_of("b"), 1'234) == 7.0);
  CHECK(s.report("up", 60'000) == 1);
  CHECK(s.report("scrape_samples_scraped", 60'000) == 3);
  CHECK(s.report("scrape_samples_post_metric_relabeling", 60'000) == 3);
  CHECK(s.report("scrape_series_added", 60'000) == 3);
  CHECK(s.report("scrape_duration_seconds", 60'000) == 0);
  CHECK(s.sink.described.at("a") == "counter");
  const OutboundRequest request = s.http.requests().at(0);
  CHECK(request.method == "GET");
  CHECK(request.url == "http://h:9100/metrics?collect%5B%5D=a%20b&collect%5B%5D=cpu");
  CHECK(request.bearer_token == "token");
  CHECK(request.ca_file == "/ca.pem");
  CHECK(request.timeout_ms == 2'500);
  CHECK(request.most_bytes == 1'000);
  CHECK(request.headers.at(0).first == "Accept");
  CHECK(request.headers.at(0).second == scrape_accept_header());
  CHECK(request.headers.at(0).second.find("application/openmetrics-text;version=1.0.0") == 0);
  CHECK(request.headers.at(1).first == "X-Prometheus-Scrape-Timeout-Seconds");
  CHECK(request.headers.at(1).second == "2.500000");
}

TEST_CASE("the Content-Type decides the format") {
  Scraping s;
  const std::string type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  CHECK(s.scrape(1'000, FakeHttp::text("# TYPE a counter\na_total 5 2.5\n# EOF\n", type)).up);
  CHECK(s.sink.at(Scraping::labels_of("a_total"), 2'500) == 5.0);
  CHECK_FALSE(s.scrape(2'000, FakeHttp::text("a 5\n", type)).up);
  CHECK(s.scrape(3'000, FakeHttp::text("a 5\n", "text/plain")).up);
}

TEST_CASE(
    "a series that is gone, a target that fails and one that is removed leave stale markers") {
  Scraping s;
  const std::string a = Scraping::labels_of("a");
  const std::string b = Scraping::labels_of("b");
  s.scrape(1'000, "a 1\nb 1\n");
  s.scrape(2'000, "a 2\n");
  CHECK(s.sink.at(a, 2'000) == 2.0);
  CHECK(s.sink.stale_at(b, 2'000));
  s.scrape(3'000, "a 3\n");
  CHECK_FALSE(s.sink.at(b, 3'000));  // once is enough
  s.scrape(4'000, "a 4\nb 4\n");
  CHECK(s.sink.at(b, 4'000) == 4.0);
  CHECK(s.report("scrape_series_added", 3'000) == 0);
  CHECK(s.report("scrape_series_added", 4'000) == 1);

  for (const auto& answer : {FakeHttp::broken("refused"), FakeHttp::status(500),
                             FakeHttp::status(302), FakeHttp::text("a 1\nb{ 2\n")}) {
    s.scrape(5'000, "a 5\nb 5\n");
    const ScrapeOutcome outcome = s.scrape(6'000, answer);
    CHECK_FALSE(outcome.up);
    CHECK_FALSE(outcome.why.empty());
    CHECK(s.report("up", 6'000) == 0);
    CHECK(s.sink.stale_at(a, 6'000));
    CHECK(s.sink.stale_at(b, 6'000));
  }
  s.scrape(7'000, "a 7\n");
  s.scraper->retire(8'000);
  CHECK(s.sink.stale_at(a, 8'000));
  CHECK(s.sink.stale_at(Scraping::labels_of("up"), 8'000));
  CHECK_FALSE(s.sink.at(b, 8'000));
}

TEST_CASE(
    "series with times of their own get no markers; without honor_timestamps they have none") {
  Scraping s;
  s.scrape(1'000, "a 1 500\n");
  s.scrape(2'000, "");
  CHECK(s.sink.samples_of(Scraping::labels_of("a")) == 1);
  Scraping dishonor;
  dishonor.job.honor_timestamps = false;
  dishonor.scrape(1'000, "a 1 500\n");
  dishonor.scrape(2'000, "");
  CHECK(dishonor.sink.at(Scraping::labels_of("a"), 1'000) == 1.0);
  CHECK(dishonor.sink.stale_at(Scraping::labels_of("a"), 2'000));
}

TEST_CASE("clashing labels are renamed, or honored") {
  const Labels target = {{"instance", "h"}, {"job", "j"}};
  const auto check = [&](Labels sample, bool honor, const Labels& wanted) {
    CHECK(under_target(sample, target, honor) == wanted);
  };
  check({{"__name__", "a"}}, false, {{"__name__", "a"}, {"instance", "h"}, {"job", "j"}});
  check({{"__name__", "a"}, {"job", "own"}}, false,
        {{"__name__", "a"}, {"exported_job", "own"}, {"instance", "h"}, {"job", "j"}});
  check({{"__name__", "a"}, {"exported_job", "x"}, {"job", "own"}}, false,
        {{"__name__", "a"},
         {"exported_exported_job", "own"},
         {"exported_job", "x"},
         {"instance", "h"},
         {"job", "j"}});
  check({{"__name__", "a"}, {"job", "own"}}, true,
        {{"__name__", "a"}, {"instance", "h"}, {"job", "own"}});
}

TEST_CASE("limits fail the scrape as a whole") {
  Scraping s;
  s.job.sample_limit = 2;
  CHECK(s.scrape(1'000, "a 1\nb 2\n").up);
  const ScrapeOutcome many = s.scrape(2'000, "a 1\nb 2\nc 3\n");
  CHECK_FALSE(many.up);
  CHECK(many.why.find("3 samples are more than the limit of 2") != std::string::npos);
  CHECK(s.sink.stale_at(Scraping::labels_of("a"), 2'000));
  CHECK(s.sink.series().size() == 2);
  CHECK(s.report("up", 2'000) == 0);
  CHECK(s.report("scrape_samples_scraped", 2'000) == 3);
  CHECK(s.report("scrape_series_added", 2'000) == 0);
  Scraping labels;
  labels.job.label_limit = 5;
  CHECK(labels.scrape(1'000, "a{x=\"1\"} 1\n").up);
  CHECK_FALSE(labels.scrape(2'000, "a{x=\"1\",y=\"2\"} 1\n").up);
}

TEST_CASE("relabelling drops and renames samples") {
  Scraping s;
  const auto relabel = Relabeler::make(
      std::vector<RelabelRule>{{RelabelAction::drop, {"__name__"}, ";", "go_.*", "", "$1", 0},
                               {RelabelAction::replace, {"x"}, ";", "(.*)", "y", "$1", 0},
                               {RelabelAction::label_drop, {}, ";", "x", "", "$1", 0}});
  REQUIRE(relabel);
  s.job.metric_relabel = relabel.value();
  s.scrape(1'000, "go_info 1\na{x=\"1\"} 2\n");
  CHECK(s.sink.series() ==
        std::vector<std::string>{
            "{__name__=\"a\",instance=\"h:9100\",job=\"j\",rack=\"7\",y=\"1\"}"});
  CHECK(s.report("scrape_samples_scraped", 1'000) == 2);
  CHECK(s.report("scrape_samples_post_metric_relabeling", 1'000) == 1);
}

TEST_CASE("two samples that become one series: the first stays") {
  Scraping s;
  s.scrape(1'000, "a 1\na 2\n");
  CHECK(s.sink.at(Scraping::labels_of("a"), 1'000) == 1.0);
  CHECK(s.sink.samples_of(Scraping::labels_of("a")) == 1);
}

TEST_CASE("DCGM's blank values are left out, others' large ones are not") {
  Scraping s;
  const ScrapeOutcome outcome = s.scrape(1'000,
                                         "DCGM_FI_DEV_POWER_USAGE 9223372036854775794\n"
                                         "DCGM_FI_DEV_GPU_TEMP 41\nother 9223372036854775794\n");
  CHECK(outcome.up);
  CHECK(s.sink.series() ==
        std::vector{Scraping::labels_of("DCGM_FI_DEV_GPU_TEMP"), Scraping::labels_of("other")});
  // A value that becomes blank ends its series.
  s.scrape(2'000, "DCGM_FI_DEV_GPU_TEMP 9223372036854775792\n");
  CHECK(s.sink.stale_at(Scraping::labels_of("DCGM_FI_DEV_GPU_TEMP"), 2'000));
}

TEST_CASE("a store that takes nothing costs the samples, not the markers") {
  Scraping s;
  s.scrape(1'000, "a 1\nb 1\n");
  s.sink.state = WriteState::busy;
  const ScrapeOutcome outcome = s.scrape(2'000, "a 2\n");
  CHECK(outcome.up);
  CHECK(outcome.why.find("takes nothing") != std::string::npos);
  s.sink.state = WriteState::committed;
  s.scrape(3'000, "a 3\n");
  CHECK(s.sink.stale_at(Scraping::labels_of("b"), 3'000));
  CHECK(s.sink.at(Scraping::labels_of("a"), 3'000) == 3.0);
}

TEST_CASE("a cancelled scrape writes nothing; metadata is told once") {
  Scraping s;
  s.scrape(1'000, "# TYPE a gauge\na 1\n");
  s.scrape(2'000, "# TYPE a gauge\na 2\n");
  CHECK(s.sink.descriptions == 1);
  s.cancel = true;
  s.scrape(3'000, FakeHttp::broken("the request was cancelled"));
  CHECK(s.report("up", 3'000) == -1);
  CHECK_FALSE(s.sink.at(Scraping::labels_of("a"), 3'000));
  s.cancel = false;
  s.scrape(4'000, "# TYPE a counter\na 4\n");
  CHECK(s.sink.descriptions == 2);
  CHECK(s.report("scrape_series_added", 4'000) == 0);
}

TEST_CASE("series that come and go for long are forgotten, and come back") {
  Scraping s;
  for (int i = 0; i < 50; ++i) {
    s.scrape(1'000 * (i + 1), i % 5 == 0 ? "a 1\nb{n=\"" + std::to_string(i) + "\"} 2\n" : "c 1\n");
  }
  CHECK(s.sink.samples_of(Scraping::labels_of("a")) == 20);  // ten values, ten ends
  CHECK(s.sink.series().size() == 12);
}

}  // namespace
}  // namespace volta
