// The cases of Prometheus' compliance suite for remote write senders, and what volta promises
// beyond it: outages and restarts lose nothing, and repeat one request byte for byte.
#include "prom/remote_sender.hpp"

#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "fake_forward_log.hpp"
#include "fake_http.hpp"
#include "prom/snappy_block.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/stderr.hpp"

namespace volta {
namespace {

using test::FakeForwardLog;
using test::FakeHttp;
using test::one_sample;
using Headers = std::vector<std::pair<std::string, std::string>>;

const Headers kWritten = {{"x-prometheus-remote-write-samples-written", "1"}};

struct Sending {
  Sending() {
    target.name = "t";
    target.url = "http://x.example/api/v1/write";
    target.shards = 1;
    target.version_2 = false;
    target.limits.deadline = std::chrono::milliseconds(0);
  }
  void start() {
    sender.reset();
    sender = std::make_unique<RemoteSender>(target, log, http, clock, [this] { return random; });
  }
  void commit(const std::string& name, double value) {
    log.commit({one_sample({{"__name__", name}}, clock.wall_ms(), value)});
  }
  // One turn of each shard; the time passes for which they want to be left alone.
  void turns(int count) {
    for (int i = 0; i < count; ++i) {
      auto wait = std::chrono::milliseconds::max();
      for (std::size_t shard = 0; shard < target.shards; ++shard) {
        wait = std::min(wait, sender->turn(shard));
      }
      clock.advance(wait);
    }
  }
  double metric(const std::string& name, const std::string& outcome = "") const {
    std::vector<MetricFamily> families;
    sender->append_to(families);
    for (const MetricFamily& one : families) {
      for (const ExpositionSample& sample : one.samples) {
        if (one.name == name && label_value(sample.labels, "outcome") == outcome)
          return sample.value;
      }
    }
    FAIL("no metric " << name);
    return 0;
  }

  test::FakeClock clock;
  FakeForwardLog log;
  FakeHttp http;
  WriteTarget target;
  double random = 0.5;
  std::unique_ptr<RemoteSender> sender;
};

std::string header_of(const OutboundRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return "";
}

WriteRequest sent_samples(const OutboundRequest& request) {
  const auto version = announced_write_version(
      header_of(request, "Content-Type"), header_of(request, "X-Prometheus-Remote-Write-Version"));
  REQUIRE(version);
  const auto message = snappy_uncompress(request.body, 64U << 20U);
  REQUIRE(message);
  auto decoded = decode_write_request(*version, message.value(), {});
  REQUIRE(decoded);
  CHECK(decoded->refused_series == 0);
  return std::move(decoded).value();
}

TEST_CASE("1.0 and 2.0 requests have the headers that the specifications ask for") {
  for (const bool two : {false, true}) {
    Sending s;
    s.target.version_2 = two;
    s.http.otherwise = FakeHttp::status(200, kWritten);
    s.start();
    s.commit("up", 1);
    s.turns(1);
    REQUIRE(s.http.requests().size() == 1);
    const OutboundRequest request = s.http.requests()[0];
    CHECK(request.method == "POST");
    CHECK(request.url == s.target.url);
    CHECK(header_of(request, "Content-Encoding") == "snappy");
    CHECK(header_of(request, "Content-Type") ==
          (two ? "application/x-protobuf;proto=io.prometheus.write.v2.Request"
               : "application/x-protobuf"));
    CHECK(header_of(request, "X-Prometheus-Remote-Write-Version") == (two ? "2.0.0" : "0.1.0"));
    CHECK(request.cut_body);
    const WriteRequest samples = sent_samples(request);
    REQUIRE(samples.series.size() == 1);
    CHECK(*samples.series[0].labels == Labels{{"__name__", "up"}});
    CHECK(samples.series[0].times_ms == std::vector{s.clock.wall_ms()});
    CHECK(samples.series[0].values == std::vector{1.0});
  }
}

TEST_CASE("credentials and headers of one's own go along") {
  Sending s;
  s.target.credentials.headers = {{"X-Scope-OrgID", "tenant-1"}};
  s.target.credentials.basic_user = "u";
  s.target.credentials.basic_password = "p";
  s.target.credentials.ca_file = "/ca.pem";
  s.start();
  s.commit("up", 1);
  s.turns(1);
  const OutboundRequest request = s.http.requests().at(0);
  CHECK(header_of(request, "X-Scope-OrgID") == "tenant-1");
  CHECK(request.basic_user == "u");
  CHECK(request.basic_password == "p");
  CHECK(request.ca_file == "/ca.pem");
}

TEST_CASE("a target that cannot work is refused with the reason") {
  const auto check = [](auto&& change, const std::string& wanted) {
    WriteTarget target;
    target.name = "t";
    target.url = "http://x/";
    REQUIRE(check_write_target(target));
    change(target);
    const auto result = check_write_target(target);
    REQUIRE_FALSE(result);
    INFO(result.error().text);
    CHECK(result.error().text.find(wanted) != std::string::npos);
  };
  check([](WriteTarget& t) { t.name = ""; }, "no name");
  check([](WriteTarget& t) { t.url = "ftp://x/"; }, "http://");
  check([](WriteTarget& t) { t.url = "http://x/ y"; }, "blanks");
  check([](WriteTarget& t) { t.url = "https://u:secret@x/"; }, "a user or a password");
  check([](WriteTarget& t) { t.url = "https://u@x"; }, "a user or a password");
  check([](WriteTarget& t) { t.shards = 0; }, "shards");
  check([](WriteTarget& t) { t.timeout = std::chrono::hours(24 * 25); }, "timeout");
  check([](WriteTarget& t) { t.timeout = std::chrono::milliseconds(0); }, "timeout");
  check([](WriteTarget& t) { t.limits.deadline = std::chrono::milliseconds::max(); }, "deadline");
  check([](WriteTarget& t) { t.credentials.headers = {{"Content-Type", "a"}}; }, "Content-Type");
  check([](WriteTarget& t) { t.credentials.headers = {{"X:Y", "a"}}; }, "name of a header");
  check([](WriteTarget& t) { t.credentials.headers = {{"X", "a\r\nY: b"}}; }, "control character");
  check(
      [](WriteTarget& t) {
        t.credentials.basic_user = "u";
        t.credentials.bearer_token = "b";
      },
      "exclude each other");
}

TEST_CASE("an @ behind the host is no user") {
  WriteTarget target;
  target.name = "t";
  for (const char* url : {"http://x/a@b", "http://x?a=b@c", "https://x#@"}) {
    target.url = url;
    CHECK(check_write_target(target));
  }
}

TEST_CASE("no secret of a refused URL is repeated") {
  WriteTarget target;
  target.name = "t";
  target.url = "https://u:secret@x/";
  CHECK(check_write_target(target).error().text.find("secret") == std::string::npos);
}

TEST_CASE("what is refused for good is dropped and counted, and the next goes on") {
  for (const int status : {400, 401, 403, 404, 413, 302}) {
    Sending s;
    s.http.next(FakeHttp::status(status, {}, std::string(100'000, 'e')));
    s.start();
    s.commit("a", 1);
    s.turns(1);
    s.commit("b", 1);
    s.turns(2);
    INFO(status);
    CHECK(s.http.requests().size() == 2);
    CHECK(s.metric("volta_forward_samples_total", "dropped") == 1);
    CHECK(s.metric("volta_forward_samples_total", "sent") == 1);
    CHECK(s.metric("volta_forward_pending_samples") == 0);
  }
}

TEST_CASE("a target that refuses all is said once an hour, and what a 401 wants is named") {
  const test::Stderr log;
  Sending s;
  s.start();
  for (int i = 0; i < 90; ++i) {
    s.http.next(FakeHttp::status(401));
    s.commit("a", i);
    s.turns(1);
    s.clock.advance(std::chrono::minutes(1));
  }
  CHECK(s.metric("volta_forward_samples_total", "dropped") > 80);
  CHECK(log.lines("refused samples, which are dropped") == 2);
  CHECK(log.lines("bearer_token_file") == 2);
}

TEST_CASE("what may work later comes again, byte for byte") {
  const std::vector<FakeHttp::Answer> answers = {FakeHttp::status(500),
                                                 FakeHttp::status(502),
                                                 FakeHttp::status(503),
                                                 FakeHttp::status(504),
                                                 FakeHttp::status(429),
                                                 FakeHttp::broken("connection refused"),
                                                 FakeHttp::broken("the answer is no HTTP")};
  Sending s;
  for (const auto& answer : answers) s.http.next(answer);
  s.start();
  s.commit("a", 1);
  for (int i = 0; i < 40; ++i) {
    s.turns(1);
    s.commit("b", i);  // what comes meanwhile waits
  }
  const auto requests = s.http.requests();
  REQUIRE(requests.size() > answers.size() + 1);
  for (std::size_t i = 1; i <= answers.size(); ++i) {
    CHECK(requests[i].body == requests[0].body);
  }
  CHECK(requests[answers.size() + 1].body != requests[0].body);
  CHECK(s.metric("volta_forward_failed_requests_total") == static_cast<double>(answers.size()));
  CHECK(s.metric("volta_forward_samples_total", "dropped") == 0);
}

TEST_CASE("the pauses double up to five seconds and begin anew after a success") {
  Sending s;
  s.random = 0.999999;
  s.http.otherwise = FakeHttp::status(503);
  s.start();
  s.commit("a", 1);
  std::vector<std::int64_t> pauses;
  for (int i = 0; i < 12; ++i) {
    CHECK(s.sender->turn(0).count() == 0);  // it asks at once what the pause is
    const auto pause = s.sender->turn(0);
    pauses.push_back(pause.count());
    s.clock.advance(pause - std::chrono::milliseconds(1));
    CHECK(s.sender->turn(0).count() == 1);  // not a moment earlier
    s.clock.advance(std::chrono::milliseconds(1));
  }
  CHECK(pauses ==
        std::vector<std::int64_t>{30, 60, 120, 240, 480, 960, 1920, 3840, 5000, 5000, 5000, 5000});
  s.http.next(FakeHttp::status(204));
  s.turns(1);
  s.commit("b", 1);
  s.turns(1);
  CHECK(s.sender->turn(0).count() == 30);
}

TEST_CASE("Retry-After is waited for") {
  for (const int status : {429, 503}) {
    Sending s;
    s.http.next(FakeHttp::status(status, {{"retry-after", "17"}}));
    s.start();
    s.commit("a", 1);
    s.turns(1);
    CHECK(s.sender->turn(0).count() == 17'000);
    s.clock.advance(std::chrono::seconds(17));
    s.turns(1);
    CHECK(s.http.requests().size() == 2);
    CHECK(s.metric("volta_forward_samples_total", "sent") == 1);
  }
}

TEST_CASE("requests are filled up to their size, and none waits longer than the deadline") {
  Sending s;
  s.target.limits.most_samples = 10;
  s.target.limits.deadline = std::chrono::milliseconds(5'000);
  s.start();
  for (int i = 0; i < 25; ++i) s.commit("n" + std::to_string(i), i);
  CHECK(s.sender->turn(0).count() == 0);
  CHECK(s.sender->turn(0).count() == 0);
  CHECK(s.sender->turn(0) == RemoteSender::kPoll);
  REQUIRE(s.http.requests().size() == 2);
  for (const auto& request : s.http.requests()) CHECK(sent_samples(request).samples == 10);
  CHECK(s.metric("volta_forward_pending_samples") == 5);
  s.clock.advance(std::chrono::milliseconds(4'999));
  CHECK(s.sender->turn(0).count() == 1);
  CHECK(s.metric("volta_forward_lag_seconds") == Approx(4.999));
  s.clock.advance(std::chrono::milliseconds(1));
  s.turns(1);
  CHECK(s.http.requests().size() == 3);
  CHECK(s.metric("volta_forward_pending_samples") == 0);
  CHECK(s.metric("volta_forward_lag_seconds") == 0);
}

TEST_CASE(
    "samples of a series are joined and in the order of time; long labels and odd values too") {
  Sending s;
  s.target.limits.deadline = std::chrono::milliseconds(1'000);
  s.start();
  const Labels labels = {{"__name__", "a"}, {"long", std::string(4'000, 'l')}, {"utf", "\u00b5J"}};
  const double stale = std::bit_cast<double>(kStaleBits);
  s.log.commit({one_sample(labels, 3'000, 3), one_sample({{"__name__", "b"}}, -5, -0.0)});
  s.log.commit({one_sample(labels, 1'000, 1)});
  s.log.commit({one_sample(labels, 3'000, 33)});
  s.log.commit({one_sample(labels, 4'000, stale)});
  s.turns(10);
  REQUIRE(s.http.requests().size() == 1);
  const WriteRequest sent = sent_samples(s.http.requests()[0]);
  REQUIRE(sent.series.size() == 2);
  CHECK(*sent.series[0].labels == labels);
  CHECK(sent.series[0].times_ms == std::vector<std::int64_t>{1'000, 3'000, 4'000});
  CHECK(sent.series[0].values[1] == 33);
  CHECK(std::bit_cast<std::uint64_t>(sent.series[0].values[2]) == kStaleBits);
  CHECK(sent.series[1].times_ms == std::vector<std::int64_t>{-5});
  CHECK(std::signbit(sent.series[1].values[0]));
}

TEST_CASE("415 turns 2.0 into 1.0, at once and for good") {
  const std::vector<FakeHttp::Answer> not_understood = {
      FakeHttp::status(415), FakeHttp::status(204), FakeHttp::status(200), FakeHttp::status(400)};
  for (const auto& answer : not_understood) {
    Sending s;
    s.target.version_2 = true;
    s.http.next(answer);
    s.start();
    s.commit("a", 1);
    s.turns(3);
    s.commit("b", 1);
    s.turns(3);
    const auto requests = s.http.requests();
    REQUIRE(requests.size() == 3);
    CHECK(header_of(requests[0], "Content-Type").find("v2.Request") != std::string::npos);
    CHECK(header_of(requests[1], "Content-Type") == "application/x-protobuf");
    CHECK(header_of(requests[1], "X-Prometheus-Remote-Write-Version") == "0.1.0");
    CHECK(sent_samples(requests[1]).series.at(0).labels->at(0).second == "a");
    CHECK(header_of(requests[2], "Content-Type") == "application/x-protobuf");
    CHECK(s.metric("volta_forward_samples_total", "sent") == 2);
    CHECK(s.metric("volta_forward_samples_total", "dropped") == 0);
    // Also after a restart; another URL is asked anew.
    s.start();
    s.commit("c", 1);
    s.turns(3);
    CHECK(header_of(s.http.requests().at(3), "Content-Type") == "application/x-protobuf");
    s.target.url = "http://y.example/write";
    s.http.otherwise = FakeHttp::status(204, kWritten);
    s.start();
    s.commit("d", 1);
    s.turns(3);
    CHECK(header_of(s.http.requests().at(4), "Content-Type").find("v2.Request") !=
          std::string::npos);
  }
}

TEST_CASE("a 400 for bad samples makes no receiver of 2.0 one of 1.0") {
  Sending s;
  s.target.version_2 = true;
  s.http.next(FakeHttp::status(400));  // whatever the version: the samples are at fault
  s.http.next(FakeHttp::status(400));
  s.http.otherwise = FakeHttp::status(200, kWritten);
  s.start();
  const auto version_of = [&](std::size_t request) {
    return header_of(s.http.requests().at(request), "X-Prometheus-Remote-Write-Version");
  };
  s.commit("bad", 1);
  s.turns(4);
  REQUIRE(s.http.requests().size() == 2);
  CHECK(version_of(0) == "2.0.0");
  CHECK(version_of(1) == "0.1.0");
  CHECK(s.metric("volta_forward_samples_total", "dropped") == 1);
  s.commit("good", 1);
  s.turns(4);
  CHECK(version_of(2) == "2.0.0");
  // Also when the process has forgotten that this receiver took 2.0.
  s.start();
  s.http.next(FakeHttp::status(400));
  s.http.next(FakeHttp::status(400));
  s.commit("bad", 1);
  s.turns(4);
  s.start();
  s.commit("good", 1);
  s.turns(4);
  CHECK(version_of(s.http.requests().size() - 1) == "2.0.0");
}

TEST_CASE("who is to get 2.0 alone gets nothing else") {
  for (const auto& answer : {FakeHttp::status(415), FakeHttp::status(204), FakeHttp::status(400)}) {
    Sending s;
    s.target.version_2 = true;
    s.target.version_1 = false;
    s.http.next(answer);
    s.http.otherwise = FakeHttp::status(200, kWritten);
    s.start();
    s.commit("a", 1);
    s.turns(3);
    s.commit("b", 1);
    s.turns(3);
    const auto requests = s.http.requests();
    REQUIRE(requests.size() == 2);
    for (const auto& request : requests)
      CHECK(header_of(request, "X-Prometheus-Remote-Write-Version") == "2.0.0");
    CHECK(s.metric("volta_forward_samples_total", "dropped") == 1);
    CHECK(s.metric("volta_forward_samples_total", "sent") == 1);
  }
}

TEST_CASE("who has understood 2.0 keeps it, whatever else it answers") {
  Sending s;
  s.target.version_2 = true;
  s.http.next(FakeHttp::status(204, kWritten));
  s.http.next(FakeHttp::status(500));
  s.http.next(FakeHttp::status(400));
  s.http.otherwise = FakeHttp::status(200, kWritten);
  s.start();
  for (int i = 0; i < 3; ++i) {
    s.commit("a", i);
    s.turns(4);
  }
  REQUIRE(s.http.requests().size() == 4);
  for (const auto& request : s.http.requests()) {
    CHECK(header_of(request, "X-Prometheus-Remote-Write-Version") == "2.0.0");
  }
  CHECK(s.metric("volta_forward_samples_total", "dropped") == 1);
}

TEST_CASE("a part that was not taken is counted as dropped") {
  Sending s;
  s.target.version_2 = true;
  s.http.next(FakeHttp::status(400, {{"x-prometheus-remote-write-samples-written", "2"}}));
  s.start();
  s.log.commit({one_sample({{"__name__", "a"}}, 1, 1), one_sample({{"__name__", "b"}}, 1, 1),
                one_sample({{"__name__", "c"}}, 1, 1)});
  s.turns(2);
  CHECK(s.http.requests().size() == 1);
  CHECK(s.metric("volta_forward_samples_total", "sent") == 2);
  CHECK(s.metric("volta_forward_samples_total", "dropped") == 1);
}

// A receiver as Prometheus: it takes nothing of a request in which one sample is none for it.
struct Strict {
  std::set<std::string> refused;  // names
  std::map<std::string, std::vector<std::int64_t>> taken;
  int requests = 0;
  int fails_at = -1;  // that request is answered with 503

  OutboundResponse answer(const OutboundRequest& request) {
    if (requests++ == fails_at) return FakeHttp::status(503)(request);
    const WriteRequest sent = sent_samples(request);
    for (const LabeledSamples& one : sent.series) {
      if (refused.contains(std::string(label_value(*one.labels, kNameLabel)))) {
        return FakeHttp::status(400, {}, "out of order sample")(request);
      }
    }
    for (const LabeledSamples& one : sent.series) {
      auto& times = taken[std::string(label_value(*one.labels, kNameLabel))];
      times.insert(times.end(), one.times_ms.begin(), one.times_ms.end());
    }
    return FakeHttp::status(204)(request);
  }
};

TEST_CASE("one sample that is refused takes no other with it") {
  const test::Stderr log;
  Sending s;
  Strict receiver{{"s7", "s31"}, {}, 0, -1};
  s.http.otherwise = [&](const OutboundRequest& request) { return receiver.answer(request); };
  s.start();
  std::vector<LabeledSamples> rows;
  for (int i = 0; i < 50; ++i) {
    rows.push_back(one_sample({{"__name__", "s" + std::to_string(i)}}, 1000 + i, i));
  }
  for (int round = 0; round < 3; ++round) {
    s.log.commit(rows);
    s.turns(2);
    for (LabeledSamples& row : rows) row.times_ms[0] += 1000;
  }
  CHECK(receiver.taken.size() == 48);
  for (const auto& [name, times] : receiver.taken) CHECK(times.size() == 3);
  CHECK(s.metric("volta_forward_samples_total", "sent") == 3 * 48);
  CHECK(s.metric("volta_forward_samples_total", "dropped") == 3 * 2);
  CHECK(s.metric("volta_forward_pending_samples") == 0);
  CHECK(log.lines("refused samples, which are dropped") == 1);
  CHECK(log.lines("out_of_order_time_window") == 1);
}

TEST_CASE("a receiver that fails among the parts gets the whole request again, byte for byte") {
  Sending s;
  Strict receiver{{"s1"}, {}, 0, 2};
  s.http.otherwise = [&](const OutboundRequest& request) { return receiver.answer(request); };
  s.start();
  s.log.commit({one_sample({{"__name__", "s0"}}, 1, 1), one_sample({{"__name__", "s1"}}, 1, 1),
                one_sample({{"__name__", "s2"}}, 1, 1), one_sample({{"__name__", "s3"}}, 1, 1)});
  s.turns(5);
  const auto requests = s.http.requests();
  REQUIRE(requests.size() > 4);
  CHECK(requests[3].body == requests[0].body);
  CHECK(receiver.taken.size() == 3);
  CHECK(s.metric("volta_forward_failed_requests_total") == 1);
  CHECK(s.metric("volta_forward_samples_total", "sent") == 3);
  CHECK(s.metric("volta_forward_samples_total", "dropped") == 1);
}

TEST_CASE("a target that refuses everything costs a bounded number of requests") {
  Sending s;
  s.http.otherwise = FakeHttp::status(400, {}, "no");
  s.start();
  std::vector<LabeledSamples> rows;
  for (int i = 0; i < 1000; ++i) {
    rows.push_back(one_sample({{"__name__", "s" + std::to_string(i)}}, 1000 + i, i));
  }
  s.log.commit(rows);
  s.turns(2);
  CHECK(s.http.requests().size() == 1 + 2 * RemoteSender::kMostHalvings);
  CHECK(s.metric("volta_forward_samples_total", "dropped") == 1000);
}

TEST_CASE("relabelling decides what is sent under which labels") {
  Sending s;
  const std::vector<RelabelRule> rules = {
      {RelabelAction::keep, {"__name__"}, ";", "node_.*", "", "$1", 0},
      {RelabelAction::replace, {}, ";", "(.*)", "site", "north", 0}};
  const auto relabel = Relabeler::make(rules);
  REQUIRE(relabel);
  s.target.relabel = relabel.value();
  s.start();
  s.commit("go_info", 1);
  s.commit("node_load1", 1);
  s.turns(2);
  REQUIRE(s.http.requests().size() == 1);
  const WriteRequest sent = sent_samples(s.http.requests()[0]);
  REQUIRE(sent.series.size() == 1);
  CHECK(*sent.series[0].labels == Labels{{"__name__", "node_load1"}, {"site", "north"}});
  CHECK(s.metric("volta_forward_samples_total", "filtered") == 1);
  CHECK(s.metric("volta_forward_samples_total", "dropped") == 0);
}

TEST_CASE("a new target begins with what comes from now on, and a restart goes on there") {
  Sending s;
  s.commit("old", 1);
  s.start();
  s.turns(2);
  CHECK(s.http.requests().empty());
  s.start();  // nothing was sent yet, but what follows must not be missed
  s.sender.reset();
  s.commit("new", 1);
  s.start();
  s.turns(2);
  REQUIRE(s.http.requests().size() == 1);
  CHECK(sent_samples(s.http.requests()[0]).series.at(0).labels->at(0).second == "new");
  s.start();
  s.turns(3);
  CHECK(s.http.requests().size() == 1);
}

TEST_CASE("after a restart the request that was on its way comes again, byte for byte") {
  for (const bool two : {false, true}) {
    Sending s;
    s.target.version_2 = two;
    s.target.limits.most_samples = 10;
    s.target.limits.deadline = std::chrono::milliseconds(5'000);
    s.http.otherwise = FakeHttp::broken("killed before the answer");
    s.start();
    for (int i = 0; i < 4; ++i) s.commit("n" + std::to_string(i), i);
    s.clock.advance(std::chrono::seconds(1));
    s.turns(30);  // the deadline of the four is over: they were tried
    REQUIRE_FALSE(s.http.requests().empty());
    const OutboundRequest before = s.http.requests().back();
    // Killed here. More has come when it starts again.
    for (int i = 4; i < 30; ++i) s.commit("n" + std::to_string(i), i);
    const std::size_t asked = s.http.requests().size();
    s.http.otherwise = FakeHttp::status(200, kWritten);
    s.start();
    s.turns(40);
    const auto requests = s.http.requests();
    REQUIRE(requests.size() > asked + 1);
    CHECK(requests[asked].body == before.body);
    CHECK(requests[asked].headers == before.headers);
    std::size_t samples = 0;
    for (std::size_t i = asked; i < requests.size(); ++i)
      samples += sent_samples(requests[i]).samples;
    CHECK(samples == 30);
  }
}

TEST_CASE("the request that was on its way is repeated though requests are smaller now") {
  Sending s;
  s.target.limits.most_samples = 100;
  s.http.otherwise = FakeHttp::broken("killed before the answer");
  s.start();
  for (int i = 0; i < 100; ++i) s.commit("n" + std::to_string(i), i);
  s.turns(1);
  REQUIRE(s.http.requests().size() == 1);
  const std::string before = s.http.requests()[0].body;
  for (int i = 0; i < 50; ++i) s.commit("m" + std::to_string(i), i);
  s.target.limits.most_samples = 10;
  s.http.otherwise = FakeHttp::status(204);
  s.start();
  s.turns(60);
  REQUIRE(s.http.requests().size() > 1);
  CHECK(s.http.requests()[1].body == before);
  CHECK(s.metric("volta_forward_samples_total", "sent") == 150);
}

TEST_CASE("crashes at any moment lose nothing and repeat one request per shard") {
  const auto seed = test::random_seed();
  INFO("seed " << seed);
  std::mt19937 chance(seed);
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(chance() % bound); };
  Sending s;
  s.target.shards = 3;
  s.target.limits.most_samples = 7;
  s.target.limits.deadline = std::chrono::milliseconds(300);
  // What the receiver took, and how often; an answer may be lost after it was taken.
  std::map<std::string, int> taken_bodies;
  s.http.otherwise = [&](const OutboundRequest& request) -> OutboundResponse {
    if (below(3) == 0) throw Failure("refused");
    if (below(10) == 0) return FakeHttp::status(503)(request);
    ++taken_bodies[request.body];
    if (below(10) == 0) throw Failure("the answer was lost");
    return FakeHttp::status(204)(request);
  };
  s.start();
  std::map<std::pair<std::string, double>, int> wanted;
  std::size_t crashes = 0;
  for (int step = 0; step < 600; ++step) {
    for (std::size_t i = below(6); i > 0; --i) {
      const std::string name = "n" + std::to_string(below(20));
      s.clock.advance(std::chrono::milliseconds(1));
      s.commit(name, step);
      wanted[{name, static_cast<double>(s.clock.wall_ms())}] = 1;
    }
    const auto wait = s.sender->turn(below(3));
    if (below(3) == 0) s.clock.advance(wait);
    if (below(25) == 0) {
      ++crashes;
      const auto kept = s.log.states;
      s.sender.reset();  // its last word to the store is undone: it was killed
      s.log.states = kept;
      s.start();
    }
  }
  s.http.otherwise = [&](const OutboundRequest& request) {
    ++taken_bodies[request.body];
    return FakeHttp::status(204)(request);
  };
  s.turns(400);
  CHECK(s.metric("volta_forward_pending_samples") == 0);
  // Every sample is in exactly one body: what came twice came in the same bytes.
  for (const auto& [body, times] : taken_bodies) {
    OutboundRequest request;
    request.body = body;
    request.headers = {{"Content-Type", "application/x-protobuf"}};
    for (const LabeledSamples& series : sent_samples(request).series) {
      for (const std::int64_t time_ms : series.times_ms) {
        const auto found = wanted.find({series.labels->at(0).second, static_cast<double>(time_ms)});
        REQUIRE(found != wanted.end());
        ++found->second;
      }
    }
  }
  CHECK(std::all_of(wanted.begin(), wanted.end(), [](const auto& w) { return w.second == 2; }));
  CHECK(crashes > 0);
}

TEST_CASE("series stay in their shard and in order") {
  Sending s;
  s.target.shards = 4;
  s.target.limits.most_samples = 5;
  s.start();
  for (int i = 0; i < 50; ++i) {
    for (int k = 0; k < 8; ++k) {
      s.log.commit({one_sample({{"__name__", "n"}, {"k", std::to_string(k)}}, i, i)});
    }
  }
  s.turns(200);
  std::map<Labels, std::int64_t> last;
  std::size_t samples = 0;
  for (const auto& request : s.http.requests()) {
    for (const LabeledSamples& series : sent_samples(request).series) {
      const auto [it, fresh] = last.emplace(*series.labels, -1);
      CHECK(series.times_ms.front() == it->second + 1);
      it->second = series.times_ms.back();
      samples += series.times_ms.size();
    }
  }
  CHECK(samples == 400);
  CHECK(last.size() == 8);
  std::set<std::size_t> used;
  for (const auto& [labels, time] : last) used.insert(shard_of(labels, 4));
  CHECK(used.size() > 1);
}

TEST_CASE("memory is bounded while the target is away") {
  Sending s;
  s.target.limits.most_samples = 10;
  s.http.otherwise = FakeHttp::status(503);
  s.start();
  for (int i = 0; i < 5'000; ++i) s.commit("n" + std::to_string(i), i);
  s.turns(50);
  CHECK(s.metric("volta_forward_pending_samples") <= 60);
  s.http.otherwise = FakeHttp::status(204);
  s.turns(700);
  CHECK(s.metric("volta_forward_samples_total", "sent") == 5'000);
}

TEST_CASE("an outage longer than retention is said and counted, and the rest is sent") {
  Sending s;
  s.start();
  s.commit("a", 1);
  s.sender.reset();
  for (int i = 0; i < 10; ++i) s.commit("b" + std::to_string(i), i);
  s.log.forget_all_but(3);
  s.start();
  s.turns(5);
  CHECK(s.metric("volta_forward_losses_total") == 1);
  CHECK(s.metric("volta_forward_samples_total", "sent") == 3);
}

TEST_CASE("of rows among those that were forgotten none is passed over") {
  Sending s;
  s.start();
  s.sender.reset();
  for (const char* name : {"a", "b", "c"}) s.commit(name, 1);
  s.log.forget(1);
  s.start();
  s.turns(5);
  CHECK(s.metric("volta_forward_losses_total") == 1);
  CHECK(s.metric("volta_forward_samples_total", "sent") == 2);
  CHECK(s.log.kept_from.at("t") == s.log.newest());
}

TEST_CASE("a store that fails stops nothing for good") {
  Sending s;
  s.start();
  s.commit("a", 1);
  s.log.broken = true;
  CHECK(s.sender->turn(0) == SendBackoff::kLast);
  CHECK(s.http.requests().empty());
  s.log.broken = false;
  s.turns(2);
  CHECK(s.metric("volta_forward_samples_total", "sent") == 1);
}

TEST_CASE("a target may be new while the disk is full") {
  Sending s;
  s.log.read_only = true;
  s.start();
  s.commit("a", 1);
  s.turns(2);
  CHECK(s.http.requests().empty());
  s.log.read_only = false;
  s.turns(2);
  CHECK(s.metric("volta_forward_samples_total", "sent") == 1);
}

TEST_CASE("no request leaves before the store knows of it") {
  Sending s;
  s.start();
  s.commit("a", 1);
  s.log.read_only = true;
  s.turns(3);
  CHECK(s.http.requests().empty());
  s.log.read_only = false;
  s.http.next([&](const OutboundRequest& request) {
    const auto kept = parse_sender_state(s.log.states["t"]);
    REQUIRE(kept);
    CHECK(kept->shards.at(0).until == s.log.newest());
    CHECK(kept->shards.at(0).done < s.log.newest());
    return FakeHttp::status(204)(request);
  });
  s.turns(2);
  CHECK(s.http.requests().size() == 1);
  CHECK(parse_sender_state(s.log.states["t"])->shards.at(0).done == s.log.newest());
}

TEST_CASE("a cursor that cannot be read sends all again rather than nothing") {
  Sending s;
  s.commit("a", 1);
  s.log.states["t"] = "garbage";
  s.start();
  s.turns(2);
  CHECK(s.metric("volta_forward_samples_total", "sent") == 1);
}

TEST_CASE("its threads send and stop") {
  Sending s;
  s.target.shards = 3;
  std::mutex mutex;
  std::condition_variable done;
  std::size_t samples = 0;
  s.http.otherwise = [&](const OutboundRequest& request) {
    const auto message = snappy_uncompress(request.body, 1U << 20U);
    const std::lock_guard lock(mutex);
    samples += decode_write_request(WriteVersion::v1, message.value(), {})->samples;
    done.notify_all();
    return FakeHttp::status(204)(request);
  };
  s.start();
  for (int i = 0; i < 300; ++i) s.commit("n" + std::to_string(i), i);
  s.sender->start();
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return samples == 300; });
  lock.unlock();
  s.sender->stop();
  s.sender->stop();
  const SenderState kept = parse_sender_state(s.log.states["t"]).value();
  for (const ShardCursor& shard : kept.shards) CHECK(shard.until == ForwardPosition{});
}

}  // namespace
}  // namespace volta
