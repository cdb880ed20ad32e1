#include "app/direct_link.hpp"

#include <thread>

#include <catch2/catch.hpp>

namespace volta {
namespace {

using namespace std::chrono_literals;

// What the server's side of the link saw, and its handles.
struct Sink final : BatchSink {
  struct Session final : IngestSession {
    explicit Session(Sink& s) : sink(s) { ++sink.sessions; }
    std::variant<OpenedSession, Refusal> open_run(const RunId& run) override {
      if (run == RunId{}) return Refusal{RefusalReason::too_busy, "not now", 3s};
      OpenedSession opened;
      opened.welcome.durable_seq = 40;
      opened.session = std::make_unique<Session>(sink);
      return opened;
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() override { --sink.sessions; }
    Result<void> define(std::vector<SeriesDef> series) override {
      if (series.empty()) return Error{"nothing named"};
      sink.named += series.size();
      return {};
    }
    void push(EncodedBatch, PushDone done) override { sink.unanswered.push_back(std::move(done)); }
    Sink& sink;
  };
  std::variant<OpenedSession, Refusal> open(const Hello& hello, const std::string&,
                                            std::shared_ptr<AgentControl> c) override {
    if (hello.host_name == "stranger") return Refusal{RefusalReason::wrong_token, "no", 0ms};
    control = std::move(c);
    OpenedSession opened;
    opened.welcome.host_id = "uid";
    opened.session = std::make_unique<Session>(*this);
    return opened;
  }
  std::shared_ptr<AgentControl> control;
  std::vector<PushDone> unanswered;
  std::size_t named = 0;
  int sessions = 0;
};

EncodedBatch batch(std::uint64_t seq) {
  EncodedBatch out;
  out.seq = seq;
  return out;
}

struct Fixture {
  Sink sink;
  DirectLink link{sink};
  Fixture() { REQUIRE(std::holds_alternative<Welcome>(link.open({}))); }
  template <typename Event>
  Event hear() {
    const auto event = link.wait(0ms);
    REQUIRE(event);
    REQUIRE(std::holds_alternative<Event>(*event));
    return std::get<Event>(*event);
  }
};

TEST_CASE("a refusal is passed on and leaves the link closed") {
  Sink sink;
  DirectLink link(sink);
  Hello hello;
  hello.host_name = "stranger";
  CHECK(std::holds_alternative<Refusal>(link.open(hello)));
  link.push(batch(1));
  link.define({});
  CHECK_FALSE(link.wait(0ms));
}

TEST_CASE("an old run is delivered beside the new one") {
  Fixture f;
  f.link.open_backlog(RunId{}, 5);
  const auto refused = f.hear<RetryAfter>();
  CHECK(refused.pause == 3s);
  CHECK(refused.seq == 0);
  CHECK(refused.lane == Lane::backlog);
  f.link.push_backlog(batch(41));
  CHECK(f.sink.unanswered.empty());
  f.link.open_backlog(RunId{1}, 50);
  CHECK(f.hear<BacklogOpened>().durable_seq == 40);
  CHECK(f.sink.sessions == 2);
  f.link.push_backlog(batch(41));
  f.link.push(batch(1));
  REQUIRE(f.sink.unanswered.size() == 2);
  PushOutcome outcome;
  outcome.durable_seq = 41;
  f.sink.unanswered[0](outcome);
  const auto old = f.hear<Acknowledged>();
  CHECK(old.durable_seq == 41);
  CHECK(old.lane == Lane::backlog);
  outcome.durable_seq = 1;
  f.sink.unanswered[1](outcome);
  CHECK(f.hear<Acknowledged>().lane == Lane::now);
  f.link.close_backlog();
  CHECK(f.sink.sessions == 1);
  f.link.open_backlog(RunId{1}, 50);
  f.link.close();
  CHECK(f.sink.sessions == 0);
}

TEST_CASE("each outcome of a push is its own event") {
  Fixture f;
  for (std::uint64_t seq = 1; seq <= 4; ++seq) f.link.push(batch(seq));
  REQUIRE(f.sink.unanswered.size() == 4);
  PushOutcome outcome;
  outcome.durable_seq = 1;
  f.sink.unanswered[0](outcome);
  CHECK(f.hear<Acknowledged>().durable_seq == 1);
  outcome.retry_after = 5s;
  f.sink.unanswered[1](outcome);
  const auto retry = f.hear<RetryAfter>();
  CHECK(retry.pause == 5s);
  CHECK(retry.seq == 2);
  outcome = {};
  outcome.new_run = true;
  outcome.text = "clone";
  f.sink.unanswered[2](outcome);
  CHECK(f.hear<NewRunWanted>().text == "clone");
  outcome = {};
  outcome.refused = BatchFault::malformed;
  f.sink.unanswered[3](outcome);
  CHECK(f.hear<BatchRefused>().seq == 4);
  CHECK_FALSE(f.link.wait(0ms));
}

TEST_CASE("of several wishes for live the newest is heard, and nothing after the closing") {
  Fixture f;
  f.sink.control->live(true);
  f.sink.control->live(false);
  f.sink.control->live(true);
  CHECK(f.hear<LiveWanted>().on);
  f.sink.control->close("why");
  f.sink.control->live(false);
  CHECK(f.hear<LinkClosed>().text == "why");
  CHECK_FALSE(f.link.wait(0ms));
}

TEST_CASE("series that the server refuses close the link") {
  Fixture f;
  f.link.define(std::vector<SeriesDef>(2));
  CHECK(f.sink.named == 2);
  f.link.define({});
  CHECK(f.hear<LinkClosed>().text == "nothing named");
}

TEST_CASE("answers for a link that was closed go nowhere") {
  Fixture f;
  f.link.push(batch(1));
  const auto old = f.sink.control;
  REQUIRE(std::holds_alternative<Welcome>(f.link.open({})));
  CHECK(f.sink.sessions == 1);
  f.sink.unanswered[0]({});
  old->close("late");
  CHECK_FALSE(f.link.wait(0ms));
  f.link.close();
  CHECK(f.sink.sessions == 0);
}

TEST_CASE("wait ends early by wake, also by one before it, and by an event from another thread") {
  Fixture f;
  f.link.wake();
  CHECK_FALSE(f.link.wait(1h));
  std::thread waker([&] { f.link.wake(); });
  CHECK_FALSE(f.link.wait(1h));
  waker.join();
  std::thread server([control = f.sink.control] { control->live(true); });
  CHECK(f.link.wait(1h));
  server.join();
}

}  // namespace
}  // namespace volta
