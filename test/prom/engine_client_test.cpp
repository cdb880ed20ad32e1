#include "prom/engine_client.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include <catch2/catch.hpp>

#include "fake_http.hpp"
#include "prom/remote_write.hpp"
#include "prom/snappy_block.hpp"

namespace volta {
namespace {

using test::FakeHttp;
using State = EngineWrite::State;

EngineTarget engine_at(const std::string& base) {
  EngineTarget target;
  target.write_url = base + "/api/v1/write";
  target.query_url = base;
  return target;
}

LabeledSamples series_named(const std::string& name, std::size_t samples) {
  LabeledSamples one;
  one.labels = std::make_shared<const Labels>(Labels{{"__name__", name}});
  for (std::size_t i = 0; i < samples; ++i) {
    one.times_ms.push_back(static_cast<std::int64_t>(i));
    one.values.push_back(static_cast<double>(i));
  }
  return one;
}

std::vector<std::string> names_in(const OutboundRequest& request) {
  const auto message = snappy_uncompress(request.body, 1U << 20U);
  REQUIRE(message);
  const auto decoded = decode_write_request(WriteVersion::v1, message.value(), {});
  REQUIRE(decoded);
  std::vector<std::string> names;
  for (const LabeledSamples& one : decoded->series) {
    names.emplace_back(label_value(*one.labels, "__name__"));
  }
  return names;
}

TEST_CASE("an engine's URLs are checked") {
  const struct {
    const char* url;
    bool good;
  } cases[] = {{"http://127.0.0.1:9090", true},
               {"https://mimir/prometheus", true},
               {"http://x/select/0/prometheus/", true},
               {"http://x/api/v1/namespaces/m/services/p:9090/proxy", true},
               {"ftp://x", false},
               {"", false},
               {"http://", false},
               {"http://user@x", false},
               {"http://x/api?tenant=1", false},
               {"http://x/#a", false}};
  for (const auto& item : cases) {
    CAPTURE(item.url);
    EngineTarget target = engine_at("http://x");
    target.query_url = item.url;
    CHECK(bool(check_engine_target(target)) == item.good);
    target = engine_at("http://x");
    target.write_url = item.url;
    CHECK(bool(check_engine_target(target)) == item.good);
  }
  for (const char* url : {"http://x/api/v1", "http://x/p/api/v1/", "http://x/api/v1/query"}) {
    EngineTarget target = engine_at("http://x");
    target.query_url = url;
    const auto checked = check_engine_target(target);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().text == "query_url must be what stands before /api/v1/query");
  }
}

TEST_CASE("what an engine answers to a question") {
  using Kind = QueryFailure::Kind;
  struct Case {
    int status;
    const char* body;
    std::optional<Kind> kind;
    const char* text;
  };
  const Case cases[] = {
      {200, R"({"status":"success","data":[1]})", std::nullopt, ""},
      {400, R"({"status":"error","errorType":"bad_data","error":"1:2: parse error: x"})",
       Kind::bad_data, "1:2: parse error: x"},
      {422, R"({"status":"error","errorType":"execution","error":"too many"})", Kind::execution,
       "too many"},
      {503, R"({"status":"error","errorType":"timeout","error":"slow"})", Kind::timeout, "slow"},
      {422, R"({"status":"error","errorType":"422","error":"of another make"})", Kind::execution,
       "of another make"},
      {401, "<html>no</html>", Kind::unavailable,
       "the engine behind answers with status 401: <html>no</html>"},
      {200, "not json", Kind::unavailable, "the engine behind answers with status 200: not json"},
      {200, R"({"status":"success"})", Kind::unavailable,
       R"(the engine behind answers with status 200: {"status":"success"})"},
      {200, "[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]", Kind::unavailable,
       "the engine behind answers with status 200: [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]"},
  };
  for (const Case& item : cases) {
    CAPTURE(item.status, item.body);
    FakeHttp http;
    http.next(FakeHttp::status(item.status, {}, item.body));
    const EngineClient client(engine_at("http://x/p/"), http);
    const auto answer =
        client.ask("/api/v1/query", {{"query", "a b&c"}}, true, std::chrono::seconds(1), nullptr);
    REQUIRE(http.requests().size() == 1);
    CHECK(http.requests()[0].url == "http://x/p/api/v1/query");
    CHECK(http.requests()[0].body == "query=a%20b%26c");
    const auto* failure = std::get_if<QueryFailure>(&answer);
    CHECK((failure != nullptr) == item.kind.has_value());
    if (failure == nullptr || !item.kind) continue;
    CHECK(failure->kind == *item.kind);
    CHECK(failure->text == item.text);
  }
}

TEST_CASE("an engine that is away is unavailable, and a query that was cancelled is cancelled") {
  FakeHttp http;
  http.otherwise = FakeHttp::broken("connection refused");
  const EngineClient client(engine_at("http://x"), http);
  std::atomic<bool> cancel{false};
  const auto kind = [&] {
    const auto answer = client.ask("/q", {}, false, std::chrono::seconds(1), &cancel);
    return std::get<QueryFailure>(answer).kind;
  };
  CHECK(kind() == QueryFailure::Kind::unavailable);
  cancel = true;
  CHECK(kind() == QueryFailure::Kind::canceled);
  CHECK_THROWS_AS(client.demand("/q", {}, false, std::chrono::seconds(1), nullptr), QueryFailed);
}

TEST_CASE("a stop ends what has no end of its own, and nothing more is asked or written") {
  FakeHttp http;
  EngineClient client(engine_at("http://x"), http);
  bool stopped_in_between = false;
  http.next([&](const OutboundRequest& request) -> OutboundResponse {
    REQUIRE(request.cancel != nullptr);
    CHECK_FALSE(*request.cancel);
    client.stop();
    stopped_in_between = request.cancel->load();
    throw Failure("the request was cancelled");
  });
  const std::vector<LabeledSamples> series = {series_named("a", 1)};
  CHECK(client.write(series, nullptr).state == State::later);
  CHECK(stopped_in_between);
  CHECK(client.write(series, nullptr).state == State::later);
  const auto answer = client.ask("/q", {}, false, std::chrono::seconds(1), nullptr);
  CHECK(std::get<QueryFailure>(answer).kind == QueryFailure::Kind::canceled);
  CHECK(http.requests().size() == 1);
  const std::atomic<bool> go_on{false};  // whoever has an end of his own is not touched
  CHECK(client.write(series, &go_on).state == State::taken);
}

TEST_CASE("one refused series does not take the others of its request with it") {
  FakeHttp http;
  http.otherwise = [](const OutboundRequest& request) {
    const auto names = names_in(request);
    const bool bad = std::find(names.begin(), names.end(), "bad") != names.end();
    return FakeHttp::status(bad ? 400 : 204, {}, "out of bounds")(request);
  };
  const EngineClient client(engine_at("http://x"), http);
  std::vector<LabeledSamples> series;
  for (const char* name : {"a", "b", "bad", "c", "d"}) series.push_back(series_named(name, 3));
  const EngineWrite written = client.write(series, nullptr);
  CHECK(written.state == State::taken);
  CHECK(written.refused == 3);
  CHECK(written.why == "status 400: out of bounds");
  std::vector<std::string> taken;
  for (const OutboundRequest& request : http.requests()) {
    const auto names = names_in(request);
    if (std::find(names.begin(), names.end(), "bad") != names.end()) continue;
    taken.insert(taken.end(), names.begin(), names.end());
  }
  std::sort(taken.begin(), taken.end());
  CHECK(taken == std::vector<std::string>{"a", "b", "c", "d"});
}

// Refuses requests that hold one of the samples that `bad` knows, as a whole; keeps the others.
struct PickyEngine {
  using Sample = std::pair<std::string, std::int64_t>;
  explicit PickyEngine(std::function<bool(const Sample&)> is_bad) : bad(std::move(is_bad)) {
    http.otherwise = [this](const OutboundRequest& request) {
      const auto message = snappy_uncompress(request.body, 1U << 24U);
      const auto decoded = decode_write_request(WriteVersion::v1, message.value(), {});
      std::vector<Sample> samples;
      for (const LabeledSamples& one : decoded->series) {
        for (const std::int64_t time : one.times_ms) {
          samples.emplace_back(label_value(*one.labels, "__name__"), time);
        }
      }
      const bool refused = std::any_of(samples.begin(), samples.end(), bad);
      if (!refused) kept.insert(samples.begin(), samples.end());
      return FakeHttp::status(refused ? 400 : 204, {}, "out of bounds")(request);
    };
  }
  std::function<bool(const Sample&)> bad;
  FakeHttp http;
  std::set<Sample> kept;
};

TEST_CASE("only what is refused is lost, whatever it is that is wrong with it") {
  struct Case {
    const char* what;
    std::function<bool(const PickyEngine::Sample&)> bad;
    std::size_t refused;
  };
  const Case cases[] = {
      {"one sample", [](const auto& one) { return one.first == "s17" && one.second == 23; }, 1},
      {"the last sample", [](const auto& one) { return one.first == "s49" && one.second == 39; },
       1},
      {"one series", [](const auto& one) { return one.first == "s31"; }, 40},
      {"all that is too old", [](const auto& one) { return one.second < 20; }, 50 * 20},
      {"all that is ahead", [](const auto& one) { return one.second == 39; }, 50}};
  std::vector<LabeledSamples> series;
  for (int i = 0; i < 50; ++i) series.push_back(series_named("s" + std::to_string(i), 40));
  for (const Case& item : cases) {
    CAPTURE(item.what);
    PickyEngine engine(item.bad);
    const EngineClient client(engine_at("http://x"), engine.http);
    const EngineWrite written = client.write(series, nullptr);
    CHECK(written.state == State::taken);
    CHECK(written.refused == item.refused);
    CHECK(engine.kept.size() == 50 * 40 - item.refused);
    CHECK(engine.http.requests().size() <= 2 * EngineClient::kMostHalvings + 1);
  }
}

TEST_CASE("what is given up after too many halvings is said with what to do") {
  PickyEngine engine([](const auto& one) { return one.second % 2 == 0; });
  const EngineClient client(engine_at("http://x"), engine.http);
  std::vector<LabeledSamples> series;
  for (int i = 0; i < 500; ++i) series.push_back(series_named("s" + std::to_string(i), 40));
  const EngineWrite written = client.write(series, nullptr);
  CHECK(written.refused + engine.kept.size() == 500 * 40);
  CHECK(written.why.find("samples were not divided any further: send fewer at a time") !=
        std::string::npos);
}

TEST_CASE("an answer that is not whole is none") {
  FakeHttp http;
  EngineTarget target = engine_at("http://x");
  target.most_answer_bytes = 2U << 20U;
  const EngineClient client(target, http);
  http.next([](const OutboundRequest& request) -> OutboundResponse {
    CHECK(request.cut_body);
    OutboundResponse response;
    response.status = 200;
    response.body = std::string(request.most_bytes, ' ');
    return response;
  });
  const auto ask = [&] { return client.ask("/q", {}, true, std::chrono::seconds(1), nullptr); };
  const auto large = std::get<QueryFailure>(ask());
  CHECK(large.kind == QueryFailure::Kind::execution);
  CHECK(large.text ==
        "the engine behind answers with more than 2 MiB; ask for fewer series, a shorter time or a "
        "longer step");
  http.next(FakeHttp::status(200, {}, R"({"status":"success","isPartial":true,"data":[1]})"));
  CHECK(std::get<QueryFailure>(ask()).kind == QueryFailure::Kind::unavailable);
  http.next(FakeHttp::status(200, {}, R"({"status":"success","isPartial":false,"data":[1]})"));
  CHECK(std::holds_alternative<EngineAnswer>(ask()));
}

TEST_CASE("every other refusal is for good") {
  for (const int status : {400, 409, 413, 415, 422}) {
    CAPTURE(status);
    FakeHttp http;
    http.otherwise = FakeHttp::status(status);
    const EngineClient client(engine_at("http://x"), http);
    const std::vector<LabeledSamples> series = {series_named("a", 2)};
    const EngineWrite written = client.write(series, nullptr);
    CHECK(written.state == State::taken);
    CHECK(written.refused == 2);
  }
}

TEST_CASE("an engine that refuses everything costs a bounded number of requests") {
  FakeHttp http;
  http.otherwise = FakeHttp::status(400);
  const EngineClient client(engine_at("http://x"), http);
  std::vector<LabeledSamples> series;
  for (int i = 0; i < 1000; ++i) series.push_back(series_named("s" + std::to_string(i), 1));
  const EngineWrite written = client.write(series, nullptr);
  CHECK(written.state == State::taken);
  CHECK(written.refused == 1000);
  CHECK(http.requests().size() <= 2 * EngineClient::kMostHalvings + 2);
}

TEST_CASE("samples that are too old for Prometheus cost themselves only") {
  FakeHttp http;
  http.otherwise = [](const OutboundRequest& request) {
    for (const std::string& name : names_in(request)) {
      if (name == "old") return FakeHttp::status(500, {}, "too old sample\n")(request);
    }
    return FakeHttp::status(204)(request);
  };
  const EngineClient client(engine_at("http://x"), http);
  const std::vector<LabeledSamples> series = {series_named("a", 1), series_named("old", 1),
                                              series_named("b", 1)};
  const EngineWrite written = client.write(series, nullptr);
  CHECK(written.state == State::taken);
  CHECK(written.refused == 1);
  CHECK(written.why.find("too old sample") != std::string::npos);
}

TEST_CASE("what may pass is tried again later, what a person must mend as well") {
  for (const int status : {408, 425, 429, 500, 503, 301, 302, 307, 308, 401, 403, 404, 405}) {
    CAPTURE(status);
    FakeHttp http;
    http.otherwise = FakeHttp::status(status, {{"retry-after", "7"}});
    const EngineClient client(engine_at("http://x"), http);
    const std::vector<LabeledSamples> series = {series_named("a", 1), series_named("b", 1)};
    CHECK(client.write(series, nullptr).state == State::later);
    CHECK(http.requests().size() == 1);
  }
  FakeHttp http;
  http.otherwise = FakeHttp::broken("no route");
  const EngineClient client(engine_at("http://x"), http);
  const std::vector<LabeledSamples> series = {series_named("a", 1)};
  const EngineWrite written = client.write(series, nullptr);
  CHECK(written.state == State::later);
  CHECK(written.why == "no route");
  CHECK(client.write({}, nullptr).state == State::taken);
}

}  // namespace
}  // namespace volta
