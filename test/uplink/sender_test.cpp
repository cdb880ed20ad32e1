#include "uplink/sender.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "support/seed.hpp"
#include "uplink/sender_fixture.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;

using Fixture = test::SenderFixture;
using test::check_content;
using test::Seqs;

TEST_CASE(
    "the hello tells the run and what it has made; slots are named before their first batch") {
  Fixture f;
  f.add(2);
  CHECK(f.step() == 0ms);
  REQUIRE(f.link.hellos.size() == 1);
  CHECK(f.link.hellos[0].run == RunId{1});
  CHECK(f.link.hellos[0].last_seq == 2);
  CHECK(f.link.hellos[0].facts_json == "{}");
  CHECK(f.link.hellos[0].clock_ms == f.clock.wall_ms());
  f.step();
  CHECK(f.link.named == 3);
  CHECK(f.seqs() == Seqs{1, 2});
  check_content(f.link.pushed, 0, 1);
}

TEST_CASE("at most eight pushes are open; an acknowledgement frees them and the buffer") {
  Fixture f;
  f.connect();
  f.add(20);
  f.step();
  f.step();
  CHECK(f.link.pushed.size() == 8);
  f.hear(Acknowledged{3});
  CHECK(f.outbox.size() == 17);
  f.step();
  CHECK(f.link.pushed.size() == 11);
  f.hear(Acknowledged{11});
  f.step();
  CHECK(f.link.pushed.size() == 19);
  CHECK(f.link.named == 3);
  f.hear(Acknowledged{1'000'000});  // a server that says more than it was sent
  CHECK(f.outbox.size() == 1);
  f.step();
  CHECK(f.link.pushed.size() == 20);
}

TEST_CASE("it waits in the link for as long as it may when there is nothing to do") {
  Fixture f;
  f.step();
  f.step();
  CHECK(f.link.waits.back() == test::kLong);
  f.add(1);
  f.step();
  CHECK(f.link.waits.back() == 60s);  // then the link would be dead
}

TEST_CASE("after a reconnect it goes on behind the durable sequence, byte for byte") {
  Fixture f;
  f.connect();
  f.add(6);
  f.step();
  const auto before = f.link.pushed;
  f.hear(Acknowledged{4});
  f.link.answers.push_back(Welcome{"uid", 4, 0});
  f.hear(LinkClosed{"cut"});
  f.clock.advance(2s);
  f.step();
  CHECK(f.outbox.size() == 2);
  f.step();
  CHECK(f.link.hellos[1].run == f.link.hellos[0].run);
  CHECK(f.link.backlogs.empty());
  CHECK(f.seqs() == Seqs{5, 6});
  CHECK(f.link.named == 3);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(f.link.pushed[i].payload == before[i + 4].payload);
    CHECK(f.link.pushed[i].key_seq == before[i + 4].key_seq);
  }
}

TEST_CASE("attempts back off with full jitter and respect the server's hint") {
  Fixture f;
  const auto wait_after = [&](Refusal refusal) {
    f.link.answers.emplace_back(std::move(refusal));
    const auto wait = f.step();
    const std::size_t hellos = f.link.hellos.size();
    f.clock.advance(wait - 1ms);
    CHECK(f.step() == 1ms);
    CHECK(f.link.hellos.size() == hellos);
    f.clock.advance(1ms);
    return wait;
  };
  CHECK(wait_after({RefusalReason::unreachable, "a", 0ms}) == 1s);
  CHECK(wait_after({RefusalReason::unreachable, "a", 0ms}) == 2s);
  CHECK(wait_after({RefusalReason::too_busy, "a", 9s}) == 13s);
  CHECK(wait_after({RefusalReason::wrong_token, "a", 0ms}) == 30s);
  CHECK(wait_after({RefusalReason::disabled_host, "a", 0ms}) == 30s);
  CHECK(f.step() == 0ms);
  CHECK(f.sender.connected());
}

TEST_CASE("readings of one host never go to another, whose token the file may hold by now") {
  Fixture f;
  f.connect();
  f.add(2);
  f.step();
  f.hear(LinkClosed{"cut"});
  f.link.answers.push_back(Welcome{"another", 0, 0});
  f.clock.advance(2s);
  CHECK(f.step() == 30s);
  CHECK_FALSE(f.sender.connected());
  CHECK(f.link.pushed.empty());
  f.clock.advance(30s);
  f.step();
  CHECK(f.sender.connected());
  f.step();
  CHECK(f.seqs() == Seqs{1, 2});
}

TEST_CASE("only a link over which something was acknowledged earns a fresh back-off") {
  Fixture f;
  const auto wait_after_loss = [&] {
    f.link.events.push_back(LinkClosed{"x"});
    const auto wait = f.step();
    f.clock.advance(wait);
    f.connect();
    return wait;
  };
  f.connect();
  CHECK(wait_after_loss() == 1s);
  CHECK(wait_after_loss() == 2s);
  f.clock.advance(1h);  // to be let in, and to stay, is not enough
  CHECK(wait_after_loss() == 4s);
  f.add(1);
  f.step();
  f.hear(RetryAfter{10ms, 1});
  CHECK(wait_after_loss() == 8s);
  f.step();
  f.hear(Acknowledged{0});
  CHECK(wait_after_loss() == 16s);
  f.step();
  f.hear(Acknowledged{1});
  CHECK(wait_after_loss() == 1s);
  CHECK(wait_after_loss() == 2s);  // once for each link
}

TEST_CASE("a thousand agents come back spread over the whole of the bound") {
  Fixture f;
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::vector<int> tenths(10);
  for (int i = 0; i < 8; ++i) f.link.answers.emplace_back(Refusal{});
  for (int i = 0; i < 8; ++i) f.clock.advance(f.step());  // the bound is 60 s by now
  for (int i = 0; i < 1000; ++i) {
    f.random = std::uniform_real_distribution<double>(0, 1)(random);
    f.link.answers.emplace_back(Refusal{});
    const auto wait = f.step();
    REQUIRE(wait >= 0s);
    REQUIRE(wait < 60s);
    ++tenths[static_cast<std::size_t>(wait / 6s)];
    f.clock.advance(wait);
  }
  for (const int count : tenths) CHECK(count > 50);
}

TEST_CASE("RetryAfter: nothing for a while, then again from the oldest unacknowledged") {
  Fixture f;
  f.random = 0;
  f.connect();
  f.add(4);
  f.step();
  f.hear(Acknowledged{1});
  f.hear(RetryAfter{5s, 2});
  f.clock.advance(5s);
  f.step();
  CHECK(f.link.pushed.size() == 4);  // two pushes are not answered yet
  f.hear(RetryAfter{5s, 3});
  f.hear(RetryAfter{5s, 4});
  f.step();
  CHECK(f.link.pushed.size() == 4);
  CHECK(f.link.waits.back() == 5s);
  f.clock.advance(5s);
  f.step();
  CHECK(f.seqs() == Seqs{1, 2, 3, 4, 2, 3, 4});
}

TEST_CASE("a pause that the server asks of its own accord answers no push") {
  Fixture f;
  f.random = 0;
  f.connect();
  f.add(10);
  f.step();
  f.hear(RetryAfter{5s});
  f.clock.advance(6s);
  f.step();
  CHECK(f.link.pushed.size() == 8);  // all eight are still open
  f.hear(Acknowledged{8});
  f.step();
  CHECK(f.seqs() == Seqs{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});  // none was sent twice
  f.hear(RetryAfter{5s});
  f.hear(Acknowledged{10});
  f.add(1);
  f.step();
  CHECK(f.link.pushed.size() == 10);  // it keeps to the pause
  CHECK(f.link.waits.back() == 5s);
  f.clock.advance(5s);
  f.step();
  CHECK(f.link.pushed.size() == 11);
}

TEST_CASE("a server with more of the run than there is makes a new run, and nothing is lost") {
  Fixture f;
  f.add(2);
  f.link.answers.push_back(Welcome{"uid", 3, 0});
  CHECK(f.step() == 0ms);
  f.step();
  f.step();
  REQUIRE(f.link.hellos.size() == 2);
  CHECK(f.link.hellos[1].run == RunId{2});
  CHECK(f.link.hellos[1].last_seq == 2);
  CHECK(f.seqs() == Seqs{1, 2});
  check_content(f.link.pushed, 0, 1);
}

TEST_CASE("NewRunWanted: what is pending gets new sequence numbers and stands alone") {
  Fixture f;
  f.connect();
  f.add(5);
  f.step();
  f.hear(Acknowledged{3});
  f.hear(NewRunWanted{"clone"});
  CHECK(f.wishes.keyframe);
  f.step();
  f.step();
  CHECK(f.link.hellos.back().run == RunId{2});
  CHECK(f.link.hellos.back().last_seq == 2);
  CHECK(f.seqs() == Seqs{1, 2});
  for (const EncodedBatch& batch : f.link.pushed) CHECK(batch.key_seq == batch.seq);
  check_content(f.link.pushed, 0, 4);
  f.hear(Acknowledged{2});
  CHECK(f.outbox.size() == 0);
  // A second one soon after is not followed at once: two agents might drive each other mad.
  f.link.events.push_back(NewRunWanted{"clone"});
  CHECK(f.step() == 1s);
}

TEST_CASE("a refused batch is dropped and counted, the others go on") {
  Fixture f;
  f.connect();
  f.add(3);
  f.step();
  f.hear(BatchRefused{2, BatchFault::malformed, "why"});
  CHECK(f.outbox.size() == 2);
  CHECK(f.sender.refused_batches() == 1);
  f.hear(Acknowledged{3});
  CHECK(f.outbox.size() == 0);
  f.step();
  CHECK(f.link.pushed.size() == 3);
  f.hear(BatchRefused{0, BatchFault::malformed, "nonsense"});
  f.hear(BatchRefused{999, BatchFault::malformed, "nonsense"});
}

TEST_CASE("an unknown keyframe: the batch is sent again as one, and what is behind it too") {
  Fixture f;
  f.random = 0;
  f.connect();
  f.add(4);
  f.step();
  f.hear(Acknowledged{1});  // so it says, but has lost the keyframe
  f.hear(BatchRefused{2, BatchFault::unknown_keyframe, "?"});
  f.hear(RetryAfter{50ms, 3});
  f.hear(RetryAfter{50ms, 4});
  CHECK(f.wishes.keyframe);
  f.clock.advance(50ms);
  f.step();
  CHECK(f.seqs() == Seqs{1, 2, 3, 4, 2, 3, 4});
  for (std::size_t i = 4; i < 7; ++i) CHECK(f.link.pushed[i].key_seq == f.link.pushed[i].seq);
  check_content(f.link.pushed, 4, 2);
  CHECK(f.sender.refused_batches() == 0);
  // A server that goes on like this cannot be helped.
  f.hear(BatchRefused{2, BatchFault::unknown_keyframe, "?"});
  CHECK(f.sender.refused_batches() == 1);
}

TEST_CASE("a keyframe that was dropped unsent takes nothing with it") {
  Fixture f(OutboxLimits{10min, 1000});
  f.connect();
  f.add(20, 3);
  CHECK(f.outbox.dropped() > 10);
  const std::uint64_t first = f.outbox.after(0)->seq;
  f.step();
  REQUIRE_FALSE(f.link.pushed.empty());
  CHECK(f.link.pushed[0].seq == first);
  CHECK(f.link.pushed[0].key_seq == first);
  check_content(f.link.pushed, 0, first);
}

TEST_CASE("a server restored from a copy gets keyframes it can read") {
  Fixture f;
  f.connect();
  f.add(3);
  f.step();
  f.hear(Acknowledged{3});
  f.add(2);
  f.hear(LinkClosed{"restored"});
  f.clock.advance(1s);
  f.step();  // welcomed with durable_seq 0
  f.step();
  CHECK(f.seqs() == Seqs{4, 5});
  check_content(f.link.pushed, 0, 4);
}

TEST_CASE("live is passed on, and forgotten with the link") {
  Fixture f;
  f.step();
  f.hear(LiveWanted{true});
  CHECK(f.wishes.live);
  f.hear(LiveWanted{false});
  CHECK_FALSE(f.wishes.live);
  f.hear(LiveWanted{true});
  f.hear(LinkClosed{"x"});
  CHECK_FALSE(f.wishes.live);
}

TEST_CASE("a server that falls silent with pushes open is given up after a minute") {
  Fixture f;
  f.step();
  f.clock.advance(1h);  // idle is no silence
  f.step();
  f.add(1);
  f.step();
  f.clock.advance(59s);
  f.step();
  CHECK(f.sender.connected());
  f.clock.advance(1s);
  f.step();
  CHECK_FALSE(f.sender.connected());
  CHECK(f.link.closes == 1);
}

}  // namespace
}  // namespace volta
