// Client and server together, over real sockets on loopback.
#include <thread>

#include <catch2/catch.hpp>

#include "rpc/any_port.hpp"
#include "rpc/client.hpp"
#include "rpc/fake_sink.hpp"
#include "rpc/preface.hpp"
#include "rpc/raw_socket.hpp"
#include "rpc/server.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;
using test::any_port;
using test::FakeSink;

RpcAgentLinkOptions to(const RpcServer& server) { return {"127.0.0.1", server.port(), false, 10s}; }

// The next event, which must be of this kind; null otherwise.
template <typename Event>
std::optional<Event> next(AgentLink& link) {
  const auto event = link.wait(20s);
  if (!event || !std::holds_alternative<Event>(*event)) return std::nullopt;
  return std::get<Event>(*event);
}

TEST_CASE("a hello arrives whole and the welcome comes back") {
  FakeSink sink;
  sink.welcome = {"host-7", 42, 1'795'226'940'500};
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  const auto answer = link.open(test::some_hello());
  REQUIRE(std::holds_alternative<Welcome>(answer));
  CHECK(std::get<Welcome>(answer).host_id == "host-7");
  CHECK(std::get<Welcome>(answer).durable_seq == 42);
  CHECK(std::get<Welcome>(answer).clock_ms == 1'795'226'940'500);
  sink.with([](FakeSink::Seen& seen) {
    REQUIRE(seen.hellos.size() == 1);
    CHECK(seen.hellos[0].host_name == "laptop");
    CHECK(seen.hellos[0].facts_json == R"({"os":"Debian 12"})");
    CHECK_THAT(seen.peers[0], Catch::StartsWith("127.0.0.1:"));
  });
  CHECK(server.counters().links == 1);
  CHECK(server.counters().bytes_received == link.bytes_sent());
  link.close();
  CHECK(sink.wait_until([](FakeSink::Seen& seen) { return seen.sessions == 0; }));
  CHECK(server.counters().links == 0);
}

TEST_CASE("each refusal of the sink reaches the agent, which may try again") {
  for (const auto reason : {RefusalReason::wrong_token, RefusalReason::disabled_host,
                            RefusalReason::too_busy, RefusalReason::bad_hello}) {
    FakeSink sink;
    sink.refusal = Refusal{reason, "This is why", 1500ms};
    RpcServer server(any_port(), sink);
    RpcAgentLink link(to(server));
    for (int round = 0; round < 2; ++round) {
      const auto answer = link.open(test::some_hello());
      REQUIRE(std::holds_alternative<Refusal>(answer));
      CHECK(std::get<Refusal>(answer).reason == reason);
      CHECK(std::get<Refusal>(answer).text == "This is why");
      CHECK(std::get<Refusal>(answer).retry_after == 1500ms);
    }
    CHECK(server.counters().refused_hellos == 2);
  }
}

TEST_CASE("a hello that is not valid is refused before the sink sees it") {
  FakeSink sink;
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  Hello hello = test::some_hello();
  hello.host_name = "two\nlines";
  const auto answer = link.open(hello);
  REQUIRE(std::holds_alternative<Refusal>(answer));
  CHECK(std::get<Refusal>(answer).reason == RefusalReason::bad_hello);
  CHECK(sink.with([](FakeSink::Seen& seen) { return seen.hellos.empty(); }));
}

TEST_CASE("series and batches arrive in order, acknowledgements come back in order") {
  FakeSink sink;
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  const std::vector<SeriesDef> series = {test::some_series("idle"), test::some_series("user")};
  link.define(series);
  for (std::uint64_t seq = 1; seq <= 8; ++seq) link.push(test::some_batch(seq, 10 * seq * seq));
  for (std::uint64_t seq = 1; seq <= 8; ++seq) {
    const auto acknowledged = next<Acknowledged>(link);
    REQUIRE(acknowledged);
    CHECK(acknowledged->durable_seq == seq);
  }
  sink.with([&](FakeSink::Seen& seen) {
    CHECK(seen.series == series);
    REQUIRE(seen.batches.size() == 8);
    for (std::uint64_t seq = 1; seq <= 8; ++seq) {
      CHECK(seen.batches[seq - 1].seq == seq);
      CHECK(seen.batches[seq - 1].payload == test::some_batch(seq, 10 * seq * seq).payload);
    }
  });
}

TEST_CASE("a layout larger than one message and the largest batch fit") {
  FakeSink sink;
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  std::vector<SeriesDef> series;
  for (int i = 0; i < 12'000; ++i) {
    series.push_back(test::some_series(std::to_string(i) + std::string(900, 'x')));
  }
  link.define(series);
  link.push(test::some_batch(1, kLargestBatchBytes));
  REQUIRE(next<Acknowledged>(link));
  sink.with([&](FakeSink::Seen& seen) {
    CHECK(seen.series == series);
    CHECK(seen.batches.at(0).payload.size() == kLargestBatchBytes);
  });
}

TEST_CASE("outcomes come from any thread, whenever they are ready") {
  FakeSink sink;
  sink.answer_at_once = false;
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  for (std::uint64_t seq = 1; seq <= 5; ++seq) link.push(test::some_batch(seq));
  CHECK_FALSE(link.wait(0ms));
  std::thread committer([&] {
    CHECK(sink.wait_until([](FakeSink::Seen& seen) { return seen.unanswered.size() == 5; }));
    sink.answer(test::durable(1));
    sink.answer(test::refused(BatchFault::unknown_keyframe, "no keyframe 1"));
    sink.answer(test::retry(2500ms));
    sink.answer(test::clone("a clone"));
    sink.answer(test::durable(5));
  });
  CHECK(next<Acknowledged>(link)->durable_seq == 1);
  const auto refused = next<BatchRefused>(link);
  REQUIRE(refused);
  CHECK(refused->seq == 2);
  CHECK(refused->fault == BatchFault::unknown_keyframe);
  CHECK(refused->text == "no keyframe 1");
  CHECK(next<RetryAfter>(link)->pause == 2500ms);
  CHECK(next<NewRunWanted>(link)->text == "a clone");
  CHECK(next<Acknowledged>(link)->durable_seq == 5);
  committer.join();
}

TEST_CASE("an old run goes beside the new one, with eight unanswered batches of its own") {
  FakeSink sink;
  sink.answer_at_once = false;
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  for (int round = 1; round <= 6; ++round) {  // more than may be open at once, were none closed
    link.open_backlog(RunId{8}, 90);
    const auto opened = next<BacklogOpened>(link);
    REQUIRE(opened);
    CHECK(opened->durable_seq == 70);
    for (std::uint64_t seq = 1; seq <= 8; ++seq) link.push(test::some_batch(seq));
    for (std::uint64_t seq = 71; seq <= 78; ++seq) link.push_backlog(test::some_batch(seq));
    CHECK_FALSE(link.wait(0ms));
    REQUIRE(sink.wait_until([](FakeSink::Seen& seen) { return seen.unanswered.size() == 16; }));
    for (std::uint64_t seq = 1; seq <= 8; ++seq) sink.answer(test::durable(seq));
    sink.answer(test::retry(3s));
    for (std::uint64_t seq = 72; seq <= 78; ++seq) sink.answer(test::durable(seq));
    for (std::uint64_t seq = 1; seq <= 8; ++seq) {
      const auto answer = next<Acknowledged>(link);
      REQUIRE(answer);
      CHECK(answer->durable_seq == seq);
      CHECK(answer->lane == Lane::now);
    }
    const auto retry = next<RetryAfter>(link);
    REQUIRE(retry);
    CHECK(retry->seq == 71);
    CHECK(retry->lane == Lane::backlog);
    for (std::uint64_t seq = 72; seq <= 78; ++seq) {
      const auto answer = next<Acknowledged>(link);
      REQUIRE(answer);
      CHECK(answer->lane == Lane::backlog);
    }
    link.close_backlog();
    link.push(test::some_batch(9));
    CHECK_FALSE(link.wait(0ms));
    REQUIRE(sink.wait_until(
        [](FakeSink::Seen& seen) { return seen.sessions == 1 && seen.unanswered.size() == 1; }));
    sink.answer(test::durable(9));
    CHECK(next<Acknowledged>(link)->durable_seq == 9);
  }
  CHECK(sink.with([](FakeSink::Seen& seen) { return seen.runs; }) ==
        std::vector<RunId>(6, RunId{8}));
  link.open_backlog(RunId{8}, 90);
  REQUIRE(next<BacklogOpened>(link));
  link.close();
  CHECK(sink.wait_until([](FakeSink::Seen& seen) { return seen.sessions == 0; }));
}

TEST_CASE("an old run that is not opened now is no reason to end the link") {
  FakeSink sink;
  sink.run_refusal = Refusal{RefusalReason::too_busy, "not now", 4s};
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  link.open_backlog(RunId{8}, 90);
  const auto retry = next<RetryAfter>(link);
  REQUIRE(retry);
  CHECK(retry->pause == 4s);
  CHECK(retry->seq == 0);
  CHECK(retry->lane == Lane::backlog);
  link.push(test::some_batch(1));
  CHECK(next<Acknowledged>(link)->durable_seq == 1);
}

TEST_CASE("what comes for an old run after it was closed is not heard") {
  FakeSink sink;
  sink.answer_at_once = false;
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  link.open_backlog(RunId{8}, 90);
  link.close_backlog();
  link.open_backlog(RunId{9}, 90);
  REQUIRE(next<BacklogOpened>(link));
  link.push_backlog(test::some_batch(71));
  CHECK_FALSE(link.wait(0ms));
  REQUIRE(sink.wait_until([](FakeSink::Seen& seen) { return seen.unanswered.size() == 1; }));
  link.close_backlog();
  sink.answer(test::durable(71));
  link.push(test::some_batch(1));
  CHECK_FALSE(link.wait(0ms));
  REQUIRE(sink.wait_until([](FakeSink::Seen& seen) { return seen.unanswered.size() == 1; }));
  sink.answer(test::durable(1));
  CHECK(next<Acknowledged>(link)->lane == Lane::now);
}

TEST_CASE("eight batches may be unanswered, over and over") {
  FakeSink sink;
  sink.answer_at_once = false;
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  std::uint64_t seq = 0;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 8; ++i) link.push(test::some_batch(++seq));
    CHECK_FALSE(link.wait(0ms));
    REQUIRE(sink.wait_until([](FakeSink::Seen& seen) { return seen.unanswered.size() == 8; }));
    for (int i = 7; i >= 0; --i) {
      sink.answer(test::durable(seq - static_cast<std::uint64_t>(i)));
      CHECK(next<Acknowledged>(link)->durable_seq == seq - static_cast<std::uint64_t>(i));
    }
  }
}

TEST_CASE("what the server asks of an agent reaches it in order") {
  FakeSink sink;
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  const auto control = sink.with([](FakeSink::Seen& seen) { return seen.control; });
  control->live(true);
  control->retry_after(700ms);
  control->live(false);
  CHECK(next<LiveWanted>(link)->on);
  const auto pause = next<RetryAfter>(link);
  REQUIRE(pause);
  CHECK(pause->pause == 700ms);
  CHECK(pause->seq == 0);
  CHECK_FALSE(next<LiveWanted>(link)->on);
  control->close("another agent came with the same token");
  const auto closed = next<LinkClosed>(link);
  REQUIRE(closed);
  CHECK_THAT(closed->text, Catch::Contains("another agent came with the same token"));
  CHECK_FALSE(link.wait(0ms));
  CHECK(sink.wait_until([](FakeSink::Seen& seen) { return seen.sessions == 0; }));
  control->live(true);  // nobody is there any more
}

TEST_CASE("a server that goes away is told once, and its successor is found") {
  FakeSink sink;
  sink.answer_at_once = false;
  auto server = std::make_unique<RpcServer>(any_port(), sink);
  const std::uint16_t port = server->port();
  RpcAgentLink link(to(*server));
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  link.push(test::some_batch(1));
  CHECK_FALSE(link.wait(0ms));
  REQUIRE(sink.wait_until([](FakeSink::Seen& seen) { return seen.unanswered.size() == 1; }));
  server->stop();
  server->stop();
  CHECK(sink.with([](FakeSink::Seen& seen) { return seen.sessions == 0; }));
  sink.answer(test::durable(1));  // too late, and no harm
  const auto closed = next<LinkClosed>(link);
  REQUIRE(closed);
  CHECK_THAT(closed->text, Catch::Contains("127.0.0.1") && Catch::Contains("closed"));
  CHECK_FALSE(link.wait(0ms));
  link.push(test::some_batch(2));  // no link: nothing happens

  server.reset();
  const auto nobody = link.open(test::some_hello());
  REQUIRE(std::holds_alternative<Refusal>(nobody));
  CHECK(std::get<Refusal>(nobody).reason == RefusalReason::unreachable);
  CHECK_THAT(std::get<Refusal>(nobody).text, Catch::Contains("Connection refused"));

  RpcServerOptions options;
  options.port = port;
  RpcServer successor(options, sink);
  CHECK(std::holds_alternative<Welcome>(link.open(test::some_hello())));
}

TEST_CASE("a refused definition ends the link with its reason") {
  FakeSink sink;
  sink.define_problem = "more series than this host may have";
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  link.define(std::vector{test::some_series("idle")});
  link.push(test::some_batch(1));
  const auto closed = next<LinkClosed>(link);
  REQUIRE(closed);
  CHECK_THAT(closed->text, Catch::Contains("more series than this host may have"));
  CHECK(sink.with([](FakeSink::Seen& seen) { return seen.batches.empty(); }));
}

TEST_CASE("wake ends a wait, with and without a link, before and during it") {
  FakeSink sink;
  RpcServer server(any_port(), sink);
  RpcAgentLink link(to(server));
  for (const bool open : {false, true}) {
    if (open) REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
    for (int round = 0; round < 20; ++round) {
      link.wake();
      CHECK_FALSE(link.wait(1h));
      std::thread other([&] { link.wake(); });
      CHECK_FALSE(link.wait(1h));
      other.join();
    }
  }
}

TEST_CASE("names that do not exist and hosts by name and IPv6") {
  RpcAgentLink lost({"no-such-host.invalid", 1, false, 10s});
  const auto answer = lost.open(test::some_hello());
  REQUIRE(std::holds_alternative<Refusal>(answer));
  CHECK(std::get<Refusal>(answer).reason == RefusalReason::unreachable);
  CHECK_THAT(std::get<Refusal>(answer).text, Catch::Contains("no such host name"));

  FakeSink sink;
  RpcServer server(any_port(), sink);
  RpcAgentLink named({"localhost", server.port(), false, 10s});
  CHECK(std::holds_alternative<Welcome>(named.open(test::some_hello())));
}

TEST_CASE("connections beyond the caps hear that the server is busy") {
  FakeSink sink;
  for (const bool per_address : {false, true}) {
    RpcServerOptions options = any_port();
    (per_address ? options.most_per_address : options.most_connections) = 2;
    RpcServer server(options, sink);
    const auto first = test::RawSocket::connect(server.port());
    const auto second = test::RawSocket::connect(server.port());
    for (const auto* socket : {&first, &second}) {
      const rpc::Preface preface = rpc::agent_preface();
      REQUIRE(socket->send({reinterpret_cast<const char*>(preface.data()), preface.size()}));
      CHECK(socket->read_exactly(rpc::kPrefaceBytes).size() == rpc::kPrefaceBytes);
    }
    RpcAgentLink third(to(server));
    const auto answer = third.open(test::some_hello());
    REQUIRE(std::holds_alternative<Refusal>(answer));
    CHECK(std::get<Refusal>(answer).reason == RefusalReason::too_busy);
    CHECK(server.counters().refused_connections == 1);
  }
}

TEST_CASE("many agents at once") {
  FakeSink sink;
  RpcServer server(any_port(), sink);
  std::vector<std::thread> agents;
  std::atomic<int> acknowledged = 0;
  for (int i = 0; i < 8; ++i) {
    agents.emplace_back([&] {
      RpcAgentLink link(to(server));
      if (!std::holds_alternative<Welcome>(link.open(test::some_hello()))) return;
      for (std::uint64_t seq = 1; seq <= 50; ++seq) {
        link.push(test::some_batch(seq));
        if (next<Acknowledged>(link)) ++acknowledged;
      }
    });
  }
  for (auto& agent : agents) agent.join();
  CHECK(acknowledged == 400);
  CHECK(server.counters().welcomes == 8);
}

}  // namespace
}  // namespace volta
