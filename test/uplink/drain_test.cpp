// What happens after an outage: a new run for now, and the old one drained beside it.
#include <catch2/catch.hpp>

#include "uplink/sender_fixture.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;
using test::check_content;
using test::Seqs;

struct DrainFixture : test::SenderFixture {
  explicit DrainFixture(OutboxLimits limits = {}) : SenderFixture(limits) { random = 0; }

  // Four batches are sent and not acknowledged, more are made while the server is away.
  void outage(int more) {
    connect();
    add(4);
    step();
    hear(LinkClosed{"cut"});
    add(more);
    connect();
  }
  // Pushes what may go now, without an answer.
  void turn(std::chrono::milliseconds after = Sender::kDrainGap) {
    clock.advance(after);
    step();
  }
  void drain_one(std::uint64_t durable) {
    hear(Acknowledged{durable, Lane::backlog});
    turn();
  }
};

TEST_CASE("after an outage the newest goes first, in a new run, and the rest follows in the old") {
  DrainFixture f;
  f.outage(5);
  CHECK(f.link.hellos.back().run == RunId{2});
  CHECK(f.link.hellos.back().last_seq == 1);
  CHECK(f.wishes.keyframe);
  f.step();
  CHECK(f.seqs() == Seqs{1});
  check_content(f.link.pushed, 0, 9);
  REQUIRE(f.link.backlogs.size() == 1);
  CHECK(f.link.backlogs[0] == std::pair(RunId{1}, std::uint64_t{8}));
  CHECK(f.link.drained.empty());
  f.hear(BacklogOpened{2});  // two of the four had been committed
  f.turn();
  CHECK(f.drained() == Seqs{3});
  f.add(1);
  f.turn(1s);
  CHECK(f.drained() == Seqs{3});  // one at a time
  CHECK(f.seqs() == Seqs{1, 2});  // what happens now does not wait for it
  f.hear(Acknowledged{2});
  for (std::uint64_t seq = 3; seq <= 8; ++seq) f.drain_one(seq);
  CHECK(f.drained() == Seqs{3, 4, 5, 6, 7, 8});
  check_content(f.link.drained, 0, 3, f.key_of_first());
  CHECK(f.outbox.size() == 0);
  CHECK(f.link.backlog_closes == 1);
  f.turn(1h);
  CHECK(f.link.backlogs.size() == 1);
}

TEST_CASE("batches of an old run are some time apart, unless the agent is about to end") {
  DrainFixture f;
  f.outage(5);
  f.step();
  f.hear(BacklogOpened{0});
  f.step();
  CHECK(f.drained() == Seqs{1});
  f.hear(Acknowledged{1, Lane::backlog});
  f.hear(Acknowledged{1});
  f.step();
  CHECK(f.drained() == Seqs{1});
  CHECK(f.link.waits.back() == Sender::kDrainGap);
  f.turn();
  CHECK(f.drained() == Seqs{1, 2});
  f.sender.hurry();
  f.hear(Acknowledged{2, Lane::backlog});
  f.step();
  f.clock.advance(Sender::kDrainGap);
  f.step();
  f.hear(Acknowledged{3, Lane::backlog});
  f.step();
  CHECK(f.drained() == Seqs{1, 2, 3, 4});
}

TEST_CASE("a short outage goes on in its run") {
  DrainFixture f;
  f.connect();
  f.add(1);
  f.step();
  f.hear(LinkClosed{"cut"});
  f.add(1);
  f.connect();
  f.turn();
  CHECK(f.link.hellos.back().run == RunId{1});
  CHECK(f.seqs() == Seqs{1, 2});
  CHECK(f.link.backlogs.empty());
}

TEST_CASE("a refused attempt changes nothing: the outage goes on") {
  DrainFixture f;
  f.connect();
  f.hear(LinkClosed{"cut"});
  f.add(4);
  f.link.answers.emplace_back(Refusal{});
  f.step();
  f.add(4);
  f.connect();
  CHECK(f.link.hellos.back().run == RunId{3});
  f.step();
  CHECK(f.seqs() == Seqs{1});
  REQUIRE(f.link.backlogs.size() == 1);
  CHECK(f.link.backlogs[0] == std::pair(RunId{1}, std::uint64_t{7}));
}

TEST_CASE("outages one after the other leave several old runs, and the oldest is first") {
  DrainFixture f;
  f.outage(4);  // run 1: 1 to 7, run 2: 8
  f.step();
  f.hear(BacklogOpened{0});
  f.step();
  f.hear(LinkClosed{"cut"});
  f.add(5);  // run 2: 8 to 12, run 3: 13
  f.connect();
  f.turn();
  CHECK(f.link.hellos.back().run == RunId{3});
  CHECK(f.seqs() == Seqs{1});
  REQUIRE(f.link.backlogs.size() == 2);
  CHECK(f.link.backlogs[1] == std::pair(RunId{1}, std::uint64_t{7}));
  f.hear(BacklogOpened{0});
  f.turn();
  for (std::uint64_t seq = 1; seq <= 7; ++seq) f.drain_one(seq);
  REQUIRE(f.link.backlogs.size() == 3);
  CHECK(f.link.backlogs[2] == std::pair(RunId{2}, std::uint64_t{5}));
  f.hear(BacklogOpened{1});
  f.turn();
  CHECK(f.drained() == Seqs{2});
  for (std::uint64_t seq = 2; seq <= 5; ++seq) f.drain_one(seq);
  CHECK(f.outbox.size() == 1);
  f.hear(Acknowledged{1});
  CHECK(f.outbox.size() == 0);
}

TEST_CASE("a server that puts the old run off, or does not open it, does not stop the new one") {
  DrainFixture f;
  f.outage(5);
  f.step();
  f.hear(RetryAfter{0ms, 0, Lane::backlog});
  f.turn(4s);
  CHECK(f.link.backlogs.size() == 1);
  f.turn(1s);
  CHECK(f.link.backlogs.size() == 2);
  f.hear(BacklogOpened{0});
  f.turn();
  f.hear(RetryAfter{3s, 1, Lane::backlog});
  f.add(1);
  f.turn(2s);
  CHECK(f.seqs() == Seqs{1, 2});
  CHECK(f.drained() == Seqs{1});
  f.turn(1s);
  CHECK(f.drained() == Seqs{1, 1});
  // And the other way round.
  f.hear(RetryAfter{1h, 1});
  f.hear(RetryAfter{1h, 2});
  f.drain_one(1);
  CHECK(f.drained() == Seqs{1, 1, 2});
  CHECK(f.seqs() == Seqs{1, 2});
}

TEST_CASE("a pause that the server asks for holds for both runs") {
  DrainFixture f;
  f.outage(5);
  f.step();
  f.hear(BacklogOpened{0});
  f.hear(RetryAfter{5s});
  f.hear(Acknowledged{1});
  f.add(1);
  const auto sent = f.link.drained.size();
  f.hear(Acknowledged{1, Lane::backlog});
  f.turn(4s);
  CHECK(f.seqs() == Seqs{1});
  CHECK(f.link.drained.size() == sent);
  f.turn(1s);
  CHECK(f.seqs() == Seqs{1, 2});
  CHECK(f.link.drained.size() == sent + 1);
}

TEST_CASE("an old run that the server will not have goes on under another id") {
  DrainFixture f;
  f.outage(5);
  f.step();
  const bool at_once = GENERATE(true, false);
  if (at_once) {
    f.hear(BacklogOpened{9});  // more than the eight that there were
  } else {
    f.hear(BacklogOpened{0});
    f.turn();
    f.hear(NewRunWanted{"clone", Lane::backlog});
  }
  f.turn();
  CHECK(f.sender.connected());
  CHECK(f.link.hellos.size() == 2);
  REQUIRE(f.link.backlogs.size() == 2);
  CHECK(f.link.backlogs[1] == std::pair(RunId{3}, std::uint64_t{8}));
  f.hear(BacklogOpened{0});
  f.turn();
  for (std::uint64_t seq = 1; seq <= 8; ++seq) f.drain_one(seq);
  check_content(f.link.drained, 0, 1);
}

TEST_CASE(
    "a batch of an old run that is refused is dropped alone; one without keyframe stands up") {
  DrainFixture f;
  f.outage(5);
  f.wishes.keyframe = false;
  f.step();
  f.hear(BacklogOpened{2});
  f.turn();
  f.hear(BatchRefused{3, BatchFault::unknown_keyframe, "?", Lane::backlog});
  f.turn();
  CHECK(f.drained() == Seqs{3, 3});
  CHECK(f.link.drained[1].key_seq == 3);
  CHECK_FALSE(f.wishes.keyframe);  // that is for what happens now
  f.hear(BatchRefused{3, BatchFault::malformed, "?", Lane::backlog});
  f.turn();
  CHECK(f.drained() == Seqs{3, 3, 4});
  CHECK(f.sender.refused_batches() == 1);
}

TEST_CASE("an old run whose batches are all dropped meanwhile is forgotten") {
  DrainFixture f(OutboxLimits{10min, 2000});
  f.outage(5);
  f.step();
  f.hear(BacklogOpened{0});
  for (int i = 0; i < 30; ++i) {
    f.add(1);
    f.hear(Acknowledged{f.link.pushed.back().seq});
  }
  f.clock.advance(11min);
  f.add(1);
  f.hear(Acknowledged{1, Lane::backlog});
  f.turn();
  CHECK(f.link.backlog_closes == 1);
  CHECK(f.outbox.size() == 1);
}

TEST_CASE("a server that never opens the old run is given up after a minute") {
  DrainFixture f;
  f.outage(5);
  f.step();
  f.hear(Acknowledged{1});
  f.turn(59s);
  CHECK(f.sender.connected());
  f.turn(1s);
  CHECK_FALSE(f.sender.connected());
}

TEST_CASE("answers for a run that is not open are ignored") {
  DrainFixture f;
  f.outage(5);
  f.step();
  f.hear(Acknowledged{8, Lane::backlog});
  f.hear(BatchRefused{8, BatchFault::malformed, "?", Lane::backlog});
  f.hear(RetryAfter{1s, 8, Lane::backlog});
  f.hear(NewRunWanted{"?", Lane::backlog});
  CHECK(f.outbox.size() == 9);
  f.hear(BacklogOpened{0});
  f.hear(BacklogOpened{8});  // a second one says nothing new
  CHECK(f.outbox.size() == 9);
}

}  // namespace
}  // namespace volta
