#include "prom/scrape_pool.hpp"

#include <fstream>
#include <set>
#include <utility>

#include <catch2/catch.hpp>
#include <pthread.h>

#include "fake_http.hpp"
#include "fake_sink.hpp"
#include "support/fake_clock.hpp"
#include "support/stderr.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using std::chrono::milliseconds;
using test::FakeHttp;

ScrapeJob pool_job(std::vector<std::string> addresses, milliseconds interval) {
  ScrapeJob job;
  job.name = "j";
  job.interval = job.timeout = interval;
  job.static_groups = {{std::move(addresses), {}}};
  return job;
}

TEST_CASE("targets are asked once an interval, and shown with how it went") {
  test::FakeClock clock;
  FakeHttp http;
  test::FakeSink sink;
  http.otherwise = [](const OutboundRequest& request) {
    return request.url == "http://bad:1/metrics" ? FakeHttp::status(500)(request)
                                                 : FakeHttp::text("a 1\n")(request);
  };
  ScrapePool pool({pool_job({"good:1", "bad:1"}, milliseconds(1'000))}, http, sink, clock);
  CHECK(pool.targets().empty());
  for (int i = 0; i < 5'000; ++i) {
    while (pool.turn()) {
    }
    clock.advance(milliseconds(1));
  }
  CHECK(http.requests().size() == 10);
  const auto targets = pool.targets();
  REQUIRE(targets.size() == 2);
  CHECK(targets[0].url == "http://bad:1/metrics");
  CHECK(targets[0].health == ScrapeTarget::Health::down);
  CHECK(targets[0].last_error.find("500") != std::string::npos);
  CHECK(targets[1].health == ScrapeTarget::Health::up);
  CHECK(targets[1].last_error.empty());
  CHECK(targets[1].last_scrape_ms > 0);
  CHECK(sink.samples_of(R"({__name__="a",instance="good:1",job="j"})") == 5);
  CHECK(sink.samples_of(R"({__name__="up",instance="bad:1",job="j"})") == 5);
  std::vector<MetricFamily> families;
  pool.append_to(families);
  const auto value = [&](const std::string& name, const Labels& labels) {
    for (const MetricFamily& one : families) {
      for (const ExpositionSample& sample : one.samples) {
        if (one.name == name && sample.labels == labels) return sample.value;
      }
    }
    return -1.0;
  };
  CHECK(value("volta_scrape_targets", {{"health", "up"}}) == 1);
  CHECK(value("volta_scrape_targets", {{"health", "down"}}) == 1);
  CHECK(value("volta_scrapes_total", {{"outcome", "up"}}) == 5);
  CHECK(value("volta_scrapes_total", {{"outcome", "down"}}) == 5);
  CHECK(value("volta_scrapes_missed_total", {}) == 0);
}

TEST_CASE("trouble that lasts is logged once an hour, whatever the numbers in its text") {
  const test::Stderr log;
  test::FakeClock clock;
  FakeHttp http;
  test::FakeSink sink;
  int asked = 0;
  bool well = false;
  http.otherwise = [&](const OutboundRequest& request) {
    ++asked;
    return well ? FakeHttp::text("a 1\n")(request) : FakeHttp::status(500 + asked % 90)(request);
  };
  ScrapePool pool({pool_job({"odd:1"}, milliseconds(60'000))}, http, sink, clock);
  const auto run = [&](int minutes) {
    for (int i = 0; i < minutes * 60; ++i) {
      while (pool.turn()) {
      }
      clock.advance(milliseconds(1'000));
    }
  };
  run(50);
  CHECK(asked > 40);
  CHECK(log.lines("a scrape went wrong") == 1);
  run(30);
  CHECK(log.lines("a scrape went wrong") == 2);
  well = true;
  run(5);
  CHECK(log.lines("a scrape target is well again") == 1);
  well = false;
  run(5);
  CHECK(log.lines("a scrape went wrong") == 3);
}

TEST_CASE("a target that fails every other time is told of once, and not that it is well again") {
  const test::Stderr log;
  test::FakeClock clock;
  FakeHttp http;
  test::FakeSink sink;
  int asked = 0;
  http.otherwise = [&](const OutboundRequest& request) {
    return ++asked % 2 == 0 ? FakeHttp::text("a 1\n")(request) : FakeHttp::status(500)(request);
  };
  ScrapePool pool({pool_job({"odd:1"}, milliseconds(60'000))}, http, sink, clock);
  for (int i = 0; i < 50 * 60; ++i) {
    while (pool.turn()) {
    }
    clock.advance(milliseconds(1'000));
  }
  CHECK(asked > 40);
  CHECK(log.lines("a scrape went wrong") == 1);
  CHECK(log.lines("a scrape target is well again") == 0);
}

TEST_CASE("targets of files come and go while the pool runs") {
  const test::TempDir dir;
  test::FakeClock clock;
  FakeHttp http;
  test::FakeSink sink;
  http.otherwise = FakeHttp::text("a 1\n");
  ScrapeJob job = pool_job({}, milliseconds(1'000));
  job.file_sd = {dir.path() / "t.json"};
  std::ofstream(dir.path() / "t.json") << R"([{"targets":["x:1","y:1"]}])";
  ScrapePool pool({job}, http, sink, clock);
  const auto pass = [&](int ms) {
    for (int i = 0; i < ms; i += 10) {
      while (pool.turn()) {
      }
      clock.advance(milliseconds(10));
    }
  };
  pass(2'000);
  CHECK(pool.targets().size() == 2);
  std::ofstream(dir.path() / "t.json") << R"([{"targets":["y:1","z:1"]}])";
  pass(30'000);
  const auto targets = pool.targets();
  REQUIRE(targets.size() == 2);
  CHECK(targets[0].url == "http://y:1/metrics");
  CHECK(targets[1].url == "http://z:1/metrics");
  const std::string gone = R"({__name__="a",instance="x:1",job="j"})";
  CHECK(sink.stale_at(gone, clock.wall_ms() - 2'000));
  CHECK(sink.samples_of(R"({__name__="a",instance="y:1",job="j"})") >= 31);
}

TEST_CASE("jobs of one name leave each other's targets alone") {
  test::FakeClock clock;
  FakeHttp http;
  test::FakeSink sink;
  http.otherwise = FakeHttp::text("a 1\n");
  ScrapePool pool({pool_job({"x:1"}, milliseconds(1'000)), pool_job({"y:1"}, milliseconds(1'000))},
                  http, sink, clock);
  for (int i = 0; i < 70'000; i += 10) {
    while (pool.turn()) {
    }
    clock.advance(milliseconds(10));
  }
  CHECK(pool.targets().size() == 2);
  CHECK(http.requests().size() == 140);
  for (const char* instance : {"x:1", "y:1"}) {
    const std::string a = R"({__name__="a",instance=")" + std::string(instance) + R"(",job="j"})";
    CHECK(sink.samples_of(a) == 70);  // and no marker among them
  }
}

TEST_CASE("a target that comes back while it is still asked stays") {
  const test::TempDir dir;
  test::FakeClock clock;
  FakeHttp http;
  test::FakeSink sink;
  ScrapeJob job = pool_job({}, milliseconds(100'000));
  job.file_sd = {dir.path() / "t.json"};
  const auto list = [&](const char* targets) {
    std::ofstream(dir.path() / "t.json") << R"([{"targets":[)" << targets << "]}]";
  };
  list(R"("x:1")");
  ScrapePool pool({job}, http, sink, clock);
  bool asked = false;
  http.otherwise = [&](const OutboundRequest& request) {
    if (!std::exchange(asked, true)) {
      list("");
      clock.advance(milliseconds(30'000));
      CHECK(pool.turn());  // reads the file while this target is being asked
      list(R"("x:1","y:1")");
      clock.advance(milliseconds(30'000));
      CHECK(pool.turn());
    }
    return FakeHttp::text("a 1\n")(request);
  };
  for (int i = 0; i < 400'000; i += 100) {
    while (pool.turn()) {
    }
    clock.advance(milliseconds(100));
  }
  CHECK(asked);
  CHECK(pool.targets().size() == 2);
  const std::string a = R"({__name__="a",instance="x:1",job="j"})";
  CHECK(sink.samples_of(a) >= 4);
  CHECK(sink.stale_markers_of(a) == 0);
}

TEST_CASE("slow targets never delay others, and a stop ends them") {
  const Clock& clock = system_clock();
  FakeHttp http;
  test::FakeSink sink;
  std::mutex mutex;
  std::condition_variable changed;
  int hanging = 0;
  int quick = 0;
  http.otherwise = [&](const OutboundRequest& request) -> OutboundResponse {
    std::unique_lock lock(mutex);
    if (request.url.starts_with("http://quick")) {
      ++quick;
      changed.notify_all();
      lock.unlock();
      return FakeHttp::text("a 1\n")(request);
    }
    ++hanging;
    changed.notify_all();
    while (!request.cancel->load()) changed.wait_for(lock, milliseconds(5));
    throw Failure("cancelled");
  };
  std::vector<std::string> addresses = {"quick:1"};
  for (int i = 0; i < 12; ++i) addresses.push_back("slow:" + std::to_string(i));
  ScrapePoolOptions options;
  options.most_workers = 16;
  ScrapePool pool({pool_job(addresses, milliseconds(100))}, http, sink, clock, options);
  pool.start();
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return hanging == 12; });
    const int before = quick;
    changed.wait(lock, [&] { return quick >= before + 5; });
  }
  pool.stop();
  pool.stop();
  CHECK(sink.samples_of(R"({__name__="a",instance="quick:1",job="j"})") >= 5);
  CHECK(sink.samples_of(R"({__name__="up",instance="slow:1",job="j"})") == 0);
}

// No thread can be made while it lives: none has room for such a stack.
class NoMoreThreads {
 public:
  NoMoreThreads() {
    REQUIRE(::pthread_getattr_default_np(&before_) == 0);
    pthread_attr_t huge;
    ::pthread_attr_init(&huge);
    ::pthread_attr_setstacksize(&huge, std::size_t{1} << 47U);
    REQUIRE(::pthread_setattr_default_np(&huge) == 0);
    ::pthread_attr_destroy(&huge);
  }
  NoMoreThreads(const NoMoreThreads&) = delete;
  NoMoreThreads& operator=(const NoMoreThreads&) = delete;
  ~NoMoreThreads() {
    ::pthread_setattr_default_np(&before_);
    ::pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_{};
};

TEST_CASE("where the system has no more threads, those that there are scrape") {
  const test::TempDir dir;
  FakeHttp http;
  test::FakeSink sink;
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> asked;
  http.otherwise = [&](const OutboundRequest& request) {
    {
      const std::lock_guard lock(mutex);
      asked.insert(request.url);
    }
    changed.notify_all();
    return FakeHttp::text("a 1\n")(request);
  };
  ScrapeJob job = pool_job({}, milliseconds(100));
  job.file_sd = {dir.path() / "t.json"};
  ScrapePoolOptions options;
  options.refresh = milliseconds(10);
  ScrapePool pool({job}, http, sink, system_clock(), options);
  pool.start();
  const NoMoreThreads none;
  std::ofstream(dir.path() / "new") << R"([{"targets":["x:1","y:1"]}])";
  std::filesystem::rename(dir.path() / "new", dir.path() / "t.json");
  {
    std::unique_lock lock(mutex);
    CHECK(changed.wait_for(lock, std::chrono::seconds(30), [&] { return asked.size() == 2; }));
  }
  pool.stop();
}

}  // namespace
}  // namespace volta
