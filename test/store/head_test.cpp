#include "store/head.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "agent.hpp"

namespace volta {
namespace {

using test::kStart;
constexpr HostId kHost{1};

DecodedBatch batch_of(std::int64_t first_ms, std::size_t ticks, std::uint32_t slots,
                      std::uint64_t value) {
  DecodedBatch batch;
  batch.slots = slots;
  for (std::size_t tick = 0; tick < ticks; ++tick) {
    batch.times_ms.push_back(first_ms + static_cast<std::int64_t>(tick) * 1000);
  }
  batch.values.assign(ticks * slots, value);
  batch.present.assign(ticks * slots, 1);
  return batch;
}

SeriesList series_list(std::uint32_t slots) {
  auto list = std::make_shared<std::vector<SeriesId>>();
  for (std::uint32_t slot = 0; slot < slots; ++slot) list->push_back(SeriesId{slot + 1});
  return list;
}

TEST_CASE("a block gives back every value of every width") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  constexpr std::uint32_t kWidth = 12;
  HeadBlockBuilder builder;
  DecodedBatch all = batch_of(kStart, kBlockTicks, kWidth, 0);
  for (Slot slot = 0; slot < kWidth; ++slot) {
    const std::uint64_t base = random();
    for (std::size_t tick = 0; tick < kBlockTicks; ++tick) {
      const unsigned bits = slot * 6;  // 0 to 66: constant to all 64
      const std::uint64_t noise = bits == 0 ? 0 : bits >= 64 ? random() : random() >> (64 - bits);
      all.values[all.at(slot, tick)] = base + noise;
      all.present[all.at(slot, tick)] = random() % 5 != 0 ? 1 : 0;
    }
  }
  for (std::size_t first = 0; first < kBlockTicks;) {
    const std::size_t count = std::min<std::size_t>(1 + random() % 7, builder.room());
    builder.add(all, first, count, static_cast<std::int64_t>(first));
    first += count;
  }
  const auto block = builder.build(5, 9, series_list(kWidth));
  CHECK(block->times_ms == all.times_ms);
  CHECK(block->min_ms == kStart);
  CHECK(block->max_ms == kStart + 63'000);
  for (Slot slot = 0; slot < kWidth; ++slot) {
    const HeadBlock::Column& column = block->columns[slot];
    for (std::size_t tick = 0; tick < kBlockTicks; ++tick) {
      const bool there = (column.present >> tick & 1U) != 0;
      REQUIRE(there == (all.present[all.at(slot, tick)] != 0));
      if (there) CHECK(block->value(column, tick) == all.values[all.at(slot, tick)]);
    }
  }
}

// Feeds one-tick batches of a run; `seq` counts them.
void feed(Head& head, std::int64_t run, int batches, std::uint64_t& seq, std::int64_t& now) {
  const SeriesList series = series_list(10);
  for (int i = 0; i < batches; ++i) {
    now += 1000;
    const DecodedBatch batch = batch_of(now, 1, 10, seq);
    ++seq;
    head.append({kHost, run, seq, static_cast<std::int64_t>(seq), &batch, series}, now);
  }
}

std::size_t ticks_in(const Head& head) {
  std::size_t ticks = 0;
  for (const auto& block : head.snapshot(kHost, 0, INT64_MAX).blocks) {
    ticks += block->times_ms.size();
  }
  return ticks;
}

TEST_CASE("the head keeps to its bytes and says from where on it is complete") {
  Head head({15'000, 3'600'000});
  std::uint64_t seq = 10;
  std::int64_t now = kStart;
  feed(head, 1, 1000, seq, now);
  CHECK(head.bytes() <= 15'000);
  const Head::Snapshot snapshot = head.snapshot(kHost, 0, INT64_MAX);
  const std::uint64_t floor = snapshot.floors.at(1);
  CHECK(floor > 10);
  CHECK(ticks_in(head) == seq - floor);
  CHECK(head.snapshot(kHost, now, now).blocks.size() == 1);
  CHECK(head.snapshot(HostId{2}, 0, INT64_MAX).blocks.empty());
  head.forget(kHost);
  CHECK(head.bytes() == 0);
  CHECK(ticks_in(head) == 0);
}

TEST_CASE("the head lets go of what is older than its span") {
  Head head({1 << 20, 100'000});
  std::uint64_t seq = 0;
  std::int64_t now = kStart;
  feed(head, 1, 1000, seq, now);
  CHECK(ticks_in(head) < 300);
  head.tidy(now);
  head.tidy(now + 50'000);
  CHECK(ticks_in(head) > 0);
  CHECK(head.newest(kHost).size() == 10);
  head.tidy(now + 1'000'000);
  CHECK(ticks_in(head) == 0);
  CHECK(head.newest(kHost).empty());
  CHECK(head.bytes() == 0);
}

TEST_CASE("a backlog does not push out what is live") {
  Head head({1 << 20, 100'000});
  std::uint64_t live = 0;
  std::int64_t now = kStart;
  feed(head, 1, 10, live, now);
  for (std::uint64_t seq = 1; seq < 50; ++seq) {
    const DecodedBatch old = batch_of(kStart - 86'400'000, 10, 10, 0);
    head.append({kHost, 2, seq, static_cast<std::int64_t>(100 + seq), &old, series_list(10)}, now);
  }
  const Head::Snapshot snapshot = head.snapshot(kHost, 0, INT64_MAX);
  CHECK_FALSE(snapshot.floors.contains(2));
  CHECK(ticks_in(head) == 10);
  CHECK(head.newest(kHost)[0].second.time_ms == now);
}

TEST_CASE("long batches keep their floor and their memory in order") {
  Head head({1 << 20, 3'600'000});
  const SeriesList series = series_list(10);
  std::int64_t now = kStart;
  std::size_t ticks = 0;
  std::uint64_t seq = 0;
  for (const std::size_t length : {1, 100, 7, 8, 64, 3, 130, 1}) {
    const DecodedBatch batch = batch_of(now, length, 10, seq);
    head.append({kHost, 1, ++seq, static_cast<std::int64_t>(seq), &batch, series}, now);
    now += static_cast<std::int64_t>(length) * 1000;
    ticks += length;
  }
  CHECK(ticks_in(head) == ticks);
  CHECK(head.snapshot(kHost, 0, INT64_MAX).floors.at(1) == 0);
  head.tidy(now);
  head.tidy(now);
  CHECK(ticks_in(head) == ticks);
  std::size_t bytes = 0;
  for (const auto& block : head.snapshot(kHost, 0, INT64_MAX).blocks) bytes += block->bytes();
  CHECK(head.bytes() == bytes);
}

}  // namespace
}  // namespace volta
