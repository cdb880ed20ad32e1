#include "fleet/run_feed.hpp"

#include <catch2/catch.hpp>

#include "fleet/fakes.hpp"

namespace volta {
namespace {

constexpr HostId kHost{1};
using Answer = RunFeed::Answer;

EncodedBatch batch(std::uint64_t seq, std::uint64_t key_seq = 1, char content = 'a') {
  EncodedBatch out;
  out.seq = seq;
  out.key_seq = key_seq;
  out.points = 1;
  out.payload = {static_cast<std::byte>(content), static_cast<std::byte>(seq)};
  return out;
}

struct FeedFixture {
  test::FakeJournal journal;
  int committed = 0;
  int put_off = 0;
  std::shared_ptr<RunFeed> feed = std::make_shared<RunFeed>(
      journal, kHost, test::kRun, [this](RunFeed::Outcome outcome, RunFeed::Points) {
        ++(outcome == RunFeed::Outcome::committed ? committed : put_off);
      });
  FeedOwner owner = feed->take_over();
  test::Answers answers;

  FeedFixture() { journal.commit_at_once = false; }

  Answer push(const EncodedBatch& b) {
    PushDone done = answers.one();
    const auto check = feed->check(owner, b, done);
    if (check.answer == Answer::fresh) {
      JournalEntry entry;
      entry.batch = b;
      DecodedBatch decoded;
      decoded.slots = 1;
      decoded.times_ms = {0};
      decoded.values = {b.seq};
      decoded.present = {1};
      entry.decoded = std::make_shared<const DecodedBatch>(decoded);
      const bool keyframe = b.seq == b.key_seq;
      feed->accept(owner, std::move(entry), 0,
                   keyframe ? std::make_shared<const KeyValues>(KeyValues{b.seq}) : nullptr,
                   std::move(done));
    }
    return check.answer;
  }
  RunFeed::Check look(std::uint64_t seq) {
    PushDone done = answers.one();
    return feed->check(owner, batch(seq), done);
  }
};

TEST_CASE("one batch of a run is in the journal at a time, the rest wait in order") {
  FeedFixture f;
  for (std::uint64_t seq = 1; seq <= 8; ++seq) CHECK(f.push(batch(seq)) == Answer::fresh);
  for (std::uint64_t seq = 1; seq <= 8; ++seq) {
    CHECK(f.journal.queue.size() == 1);
    CHECK(f.answers.all.size() == seq - 1);
    CHECK(f.journal.commit());
    CHECK(f.answers.all.back().durable_seq == seq);
    CHECK(f.answers.all.back().retry_after.count() == 0);
  }
  CHECK(f.committed == 8);
  CHECK(f.feed->durable_seq() == 8);
}

TEST_CASE("when a commit fails, nothing behind it becomes durable before it") {
  const auto why = GENERATE(CommitState::failed, CommitState::disk_full);
  FeedFixture f;
  for (std::uint64_t seq = 1; seq <= 4; ++seq) f.push(batch(seq));
  f.journal.fail(why);
  CHECK(f.journal.queue.empty());
  REQUIRE(f.answers.all.size() == 4);
  for (const PushOutcome& answer : f.answers.all) {
    CHECK(answer.retry_after == RunFeed::kStorePause);
    CHECK(answer.durable_seq == 0);
  }
  // Still under way on the wire when it failed.
  CHECK(f.push(batch(5)) == Answer::put_off);
  CHECK(f.journal.queue.empty());
  for (std::uint64_t seq = 1; seq <= 5; ++seq) CHECK(f.push(batch(seq)) == Answer::fresh);
  while (f.journal.commit()) continue;
  CHECK(f.journal.rows.size() == 5);
}

TEST_CASE("a journal that takes nothing puts the batch off") {
  FeedFixture f;
  f.journal.full = true;
  f.push(batch(1));
  REQUIRE(f.answers.all.size() == 1);
  CHECK(f.answers.all[0].retry_after == RunFeed::kStorePause);
  f.journal.full = false;
  CHECK(f.push(batch(2)) == Answer::put_off);
  CHECK(f.push(batch(1)) == Answer::fresh);
  CHECK(f.journal.commit());
}

TEST_CASE("a failed commit takes the keyframe back") {
  FeedFixture f;
  f.push(batch(1, 1));
  f.journal.commit();
  f.push(batch(2, 2));
  CHECK(f.look(3).key_seq == 2);
  f.journal.fail(CommitState::failed);
  CHECK(f.look(2).key_seq == 1);
  REQUIRE(f.look(2).key);
  CHECK(*f.look(2).key == KeyValues{1});
}

TEST_CASE("after a failed commit the journal is asked what it really has") {
  FeedFixture f;
  f.push(batch(1));
  f.journal.runs[{kHost, test::kRun}] = {1, sha256(batch(1).payload), 1, {1}};
  f.journal.fail(CommitState::failed);
  CHECK(f.push(batch(1)) == Answer::duplicate);
}

TEST_CASE("what is durable is answered, not stored") {
  FeedFixture f;
  f.journal.commit_at_once = true;
  f.push(batch(1));
  f.push(batch(2));
  CHECK(f.push(batch(1)) == Answer::duplicate);
  CHECK(f.push(batch(2)) == Answer::duplicate);
  CHECK(f.journal.rows.size() == 2);
}

TEST_CASE("another payload under the same sequence is a conflict") {
  FeedFixture f;
  f.push(batch(1));
  CHECK(f.push(batch(1, 1, 'b')) == Answer::conflict);
  f.journal.commit();
  CHECK(f.push(batch(1, 1, 'b')) == Answer::conflict);
  CHECK(f.journal.rows.size() == 1);
}

TEST_CASE("what is under way joins the wait") {
  FeedFixture f;
  f.push(batch(1));
  f.push(batch(2));
  CHECK(f.push(batch(1)) == Answer::joined);
  CHECK(f.push(batch(2)) == Answer::joined);
  f.journal.commit();
  CHECK(f.answers.all.size() == 2);
  f.journal.commit();
  CHECK(f.answers.all.size() == 4);
  CHECK(f.journal.rows.size() == 2);
}

TEST_CASE("a new session finds what the old one had in the journal, and nothing else") {
  FeedFixture f;
  f.push(batch(1));
  f.push(batch(2));
  const FeedOwner old = f.owner;
  f.owner = f.feed->take_over();
  REQUIRE(f.answers.all.size() == 1);  // the waiting one is put off
  CHECK(f.answers.all[0].retry_after.count() > 0);
  CHECK(f.push(batch(1)) == Answer::joined);
  CHECK(f.push(batch(2)) == Answer::fresh);
  f.feed->release(old);  // late: must not disturb the new one
  f.journal.commit();
  f.journal.commit();
  CHECK(f.journal.rows.size() == 2);
}

TEST_CASE("a session that was replaced stores nothing") {
  FeedFixture f;
  const FeedOwner old = f.owner;
  f.feed->take_over();
  f.owner = old;
  CHECK(f.push(batch(1)) == Answer::put_off);
  CHECK(f.journal.queue.empty());
}

TEST_CASE("gaps are taken and counted") {
  FeedFixture f;
  const auto check = f.look(4);
  CHECK(check.answer == Answer::fresh);
  CHECK(check.missing == 3);
  f.push(batch(4, 4));
  CHECK(f.look(5).missing == 0);
  CHECK(f.push(batch(2, 2)) == Answer::conflict);  // too late to keep the order
}

TEST_CASE("a hold ends when the agent begins again, not before") {
  FeedFixture f;
  f.push(batch(1));
  f.journal.commit();
  f.look(2);
  f.feed->hold(f.owner, 2, std::chrono::milliseconds(70));
  CHECK(f.look(3).answer == Answer::put_off);
  CHECK(f.look(4).retry_after == std::chrono::milliseconds(70));
  // The agent had to drop 2 meanwhile and begins again with 3.
  CHECK(f.look(3).answer == Answer::fresh);
}

TEST_CASE("not more than a bounded number waits") {
  FeedFixture f;
  for (std::uint64_t seq = 1; seq <= RunFeed::kMostWaiting + 1; ++seq) f.push(batch(seq));
  CHECK(f.answers.all.empty());
  f.push(batch(RunFeed::kMostWaiting + 2));
  REQUIRE(f.answers.all.size() == 1);
  CHECK(f.answers.all[0].retry_after.count() > 0);
}

TEST_CASE("listeners are to hear of a batch once, also when it is sent again") {
  FeedFixture f;
  CHECK(f.look(1).first_heard);
  f.push(batch(1));
  f.journal.fail(CommitState::disk_full);
  CHECK_FALSE(f.look(1).first_heard);
  CHECK(f.look(2).first_heard);
}

TEST_CASE("a feed goes on from what the journal has") {
  FeedFixture f;
  f.journal.runs[{kHost, RunId{9}}] = {41, sha256(batch(41).payload), 40, {5, 6}};
  const auto feed = std::make_shared<RunFeed>(f.journal, kHost, RunId{9},
                                              [](RunFeed::Outcome, RunFeed::Points) {});
  f.feed = feed;
  f.owner = feed->take_over();
  CHECK(feed->durable_seq() == 41);
  CHECK(f.look(41).answer == Answer::duplicate);
  const auto check = f.look(42);
  CHECK(check.missing == 0);
  CHECK(check.key_seq == 40);
  CHECK(*check.key == KeyValues{5, 6});
}

}  // namespace
}  // namespace volta
