#include "uplink/outbox.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

using namespace std::chrono_literals;

EncodedBatch batch(std::uint64_t seq, std::uint64_t key_seq, std::size_t bytes = 10) {
  EncodedBatch out;
  out.seq = seq;
  out.key_seq = key_seq;
  out.payload.resize(bytes);
  return out;
}

TEST_CASE("batches come out in order and go when they are delivered") {
  Outbox outbox;
  CHECK(outbox.after(0) == nullptr);
  CHECK(outbox.newest() == 0);
  for (std::uint64_t seq = 1; seq <= 5; ++seq) outbox.add(batch(seq, seq < 4 ? 1 : 4), 0s);
  CHECK(outbox.after(0)->seq == 1);
  CHECK(outbox.after(2)->seq == 3);
  CHECK(outbox.delivered(0, 2) == 1);
  CHECK(outbox.after(0)->seq == 3);
  CHECK(outbox.delivered(0, 2) == 0);
  CHECK(outbox.delivered(0, 5) == 4);
  CHECK(outbox.size() == 0);
  CHECK(outbox.newest() == 5);
  CHECK(outbox.dropped() == 0);
}

TEST_CASE("two runs share it, each between its own numbers") {
  Outbox outbox;
  for (std::uint64_t seq = 1; seq <= 6; ++seq) outbox.add(batch(seq, seq < 4 ? 1 : 4), 0s);
  CHECK(outbox.count(0, 3) == 3);
  CHECK(outbox.count(3, Outbox::kNoLast) == 3);
  CHECK(outbox.count(5, 3) == 0);
  CHECK(outbox.after(3, 3) == nullptr);
  CHECK(outbox.delivered(3, 5) == 4);
  CHECK(outbox.count(0, Outbox::kNoLast) == 4);
  CHECK(outbox.after(3)->seq == 6);
  CHECK(outbox.after(0, 3)->seq == 1);
  CHECK(outbox.delivered(0, 3) == 1);
  CHECK(outbox.size() == 1);
}

TEST_CASE("what is older than the limit is dropped and counted") {
  Outbox outbox({10min, 1U << 20U});
  outbox.add(batch(1, 1), 0s);
  outbox.add(batch(2, 1), 10min);
  CHECK(outbox.dropped() == 0);
  outbox.add(batch(3, 1), 10min + 1ms);
  CHECK(outbox.dropped() == 1);
  CHECK(outbox.after(0)->seq == 2);
}

TEST_CASE("what is more than the bytes allow is dropped, but never the newest") {
  Outbox outbox({10min, 10'000});
  outbox.add(batch(1, 1, 4000), 0s);
  outbox.add(batch(2, 1, 4000), 0s);
  CHECK(outbox.dropped() == 0);
  outbox.add(batch(3, 1, 4000), 0s);
  CHECK(outbox.dropped() == 1);
  outbox.add(batch(4, 1, 50'000), 0s);
  CHECK(outbox.size() == 1);
  CHECK(outbox.dropped() == 3);
  outbox.delivered(0, 4);
  outbox.add(batch(5, 1, 4000), 0s);
  outbox.add(batch(6, 1, 4000), 0s);
  CHECK(outbox.size() == 2);  // the bytes of what has gone are free again
}

TEST_CASE("a keyframe is kept for as long as something counts from it") {
  Outbox outbox({10min, 10'000});
  outbox.add(batch(1, 1), 0s);
  outbox.delivered(0, 1);
  CHECK(outbox.keyframe(1));
  outbox.add(batch(2, 1), 0s);
  outbox.add(batch(3, 3), 0s);
  CHECK(outbox.keyframe(1));
  outbox.delivered(0, 3);
  outbox.add(batch(4, 4), 0s);
  CHECK_FALSE(outbox.keyframe(1));
  CHECK_FALSE(outbox.keyframe(3));
  CHECK(outbox.keyframe(4));
}

TEST_CASE("one that is refused or replaced leaves the others alone") {
  Outbox outbox;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) outbox.add(batch(seq, 1), 0s);
  outbox.refused(2);
  outbox.refused(2);
  outbox.refused(9);
  CHECK(outbox.size() == 2);
  CHECK(outbox.after(1)->seq == 3);
  outbox.replace(batch(3, 3, 77));
  CHECK(outbox.after(1)->payload.size() == 77);
  outbox.replace(batch(2, 2, 77));
  CHECK(outbox.size() == 2);
}

TEST_CASE("series are noted once and in order") {
  Outbox outbox;
  std::vector<SeriesDef> layout(2);
  layout[0].name = "a";
  layout[1].name = "b";
  outbox.learn(layout);
  layout.emplace_back().name = "c";
  outbox.learn(layout);
  outbox.learn(layout);
  CHECK(outbox.series(0).size() == 3);
  REQUIRE(outbox.series(2).size() == 1);
  CHECK(outbox.series(2)[0].name == "c");
  CHECK(outbox.series(3).empty());
}

}  // namespace
}  // namespace volta
