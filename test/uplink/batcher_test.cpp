#include "uplink/batcher.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

using namespace std::chrono_literals;

struct BatcherFixture {
  Outbox outbox;
  BatchWishes wishes;
  Batcher batcher{outbox, wishes, 10s};
  Layout layout;
  Tick tick{layout};
  std::chrono::nanoseconds now = 1000s;

  // Values of the given number of series; true if a batch was finished.
  bool add(std::chrono::nanoseconds after, std::uint32_t series = 1) {
    now += after;
    tick.begin(now / 1ms, now);
    for (std::uint32_t i = 0; i < series; ++i) {
      SeriesDef def;
      def.name = "m" + std::to_string(i);
      tick.set_unsigned(tick.define(std::move(def)), 1);
    }
    return batcher.add(tick, now);
  }
  std::size_t ticks_of(std::uint64_t number) {
    const BatchPtr batch = outbox.after(number - 1);
    const BatchPtr key = outbox.keyframe(batch->key_seq);
    return decode_batch(*batch, key_values(*decode_batch(*key, {}))).value().ticks();
  }
};

TEST_CASE("the first tick goes out at once, then a batch holds ten seconds of ticks") {
  BatcherFixture f;
  CHECK(f.add(1s));
  for (int batch = 0; batch < 3; ++batch) {
    for (int i = 0; i < 9; ++i) CHECK_FALSE(f.add(1s));
    CHECK(f.add(1s));
  }
  CHECK(f.outbox.size() == 4);
  CHECK(f.ticks_of(1) == 1);
  CHECK(f.ticks_of(2) == 10);
  CHECK(f.ticks_of(4) == 10);
}

TEST_CASE("ticks that come a little early or late do not change the batches") {
  BatcherFixture f;
  f.add(1s);
  for (int i = 0; i < 9; ++i) CHECK_FALSE(f.add(i % 2 == 0 ? 999ms : 1001ms));
  CHECK(f.add(995ms));
}

TEST_CASE("ticks rarer than the flush are a batch each") {
  BatcherFixture f;
  f.add(60s);
  CHECK(f.add(60s));
  CHECK(f.add(60s));
}

TEST_CASE("while somebody watches, every tick goes out, but not a thousand a second") {
  BatcherFixture f;
  f.add(1s);
  f.add(1s);
  f.wishes.live = true;
  CHECK(f.add(1s));
  CHECK(f.ticks_of(2) == 2);  // what was open goes along
  CHECK(f.add(1s));
  int finished = 0;
  for (int i = 0; i < 1000; ++i) finished += f.add(1ms) ? 1 : 0;
  CHECK(finished == 20);
  f.wishes.live = false;
  CHECK_FALSE(f.add(1s));
}

TEST_CASE("a wished keyframe is made once") {
  BatcherFixture f;
  f.wishes.live = true;
  for (int i = 0; i < 3; ++i) f.add(1s);
  CHECK(f.outbox.after(2)->key_seq == 1);
  f.wishes.keyframe = true;
  f.add(1s);
  f.add(1s);
  CHECK(f.outbox.after(3)->key_seq == 4);
  CHECK(f.outbox.after(4)->key_seq == 4);
}

TEST_CASE("a batch never has more values than the server takes") {
  BatcherFixture f;
  f.add(1s, 20'000);
  f.add(1s, 20'000);
  f.add(1s, 20'000);
  CHECK(f.add(1s, 20'000));  // the third would be too much
  CHECK(f.ticks_of(2) == 2);
  // One tick alone is too much: it is cut in two of the same time.
  f.add(1s, 70'000);
  f.batcher.flush(f.now);
  std::size_t points = 0;
  for (BatchPtr b = f.outbox.after(0); b; b = f.outbox.after(b->seq)) {
    CHECK(b->points <= kMostBatchPoints);
    points += b->points;
  }
  CHECK(points == 4 * 20'000 + 70'000);
}

TEST_CASE("a growing layout never makes a batch that the decoder refuses") {
  BatcherFixture f;
  f.add(1s);
  for (int i = 0; i < 400; ++i) f.add(10ms);
  f.add(10ms, 30'000);
  f.batcher.flush(f.now);
  for (BatchPtr b = f.outbox.after(0); b; b = f.outbox.after(b->seq)) CHECK(f.ticks_of(b->seq) > 0);
}

TEST_CASE("series past the most that a run may have are left out") {
  BatcherFixture f;
  f.add(1s, kMostSlots + 5);
  std::size_t points = 0;
  for (BatchPtr b = f.outbox.after(0); b; b = f.outbox.after(b->seq)) {
    CHECK(b->slots <= kMostSlots);
    points += b->points;
  }
  f.batcher.flush(f.now);
  CHECK(f.outbox.series(0).size() == kMostSlots);
  CHECK(points == kMostSlots);
}

TEST_CASE("flushing nothing makes no batch") {
  BatcherFixture f;
  CHECK_FALSE(f.batcher.flush(f.now));
  f.add(1s);
  CHECK_FALSE(f.batcher.flush(f.now));
  CHECK(f.outbox.size() == 1);
}

}  // namespace
}  // namespace volta
