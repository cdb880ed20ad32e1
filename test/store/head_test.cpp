#include "store/head.hpp"

#include <array>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "agent.hpp"
#include "support/seed.hpp"

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

// Columns from constant to random in all 64 bits, some with gaps.
DecodedBatch random_columns(std::mt19937_64& random, std::size_t ticks) {
  constexpr std::uint32_t kColumns = 12;
  DecodedBatch all = batch_of(kStart, ticks, kColumns, 0);
  for (Slot slot = 0; slot < kColumns; ++slot) {
    const std::uint64_t base = random();
    const bool gaps = random() % 2 == 0;
    for (std::size_t tick = 0; tick < ticks; ++tick) {
      const unsigned bits = slot * 6;  // 0 to 66
      const std::uint64_t noise = bits == 0 ? 0 : bits >= 64 ? random() : random() >> (64 - bits);
      all.values[all.at(slot, tick)] = base + noise;
      all.present[all.at(slot, tick)] = gaps && random() % 5 == 0 ? 0 : 1;
    }
  }
  return all;
}

// The block holds the batch's ticks from `first` on.
void check_block(const HeadBlock& block, const DecodedBatch& all, std::size_t first) {
  std::array<std::uint64_t, kBlockTicks> values{};
  REQUIRE(block.columns.size() == all.slots);
  for (std::size_t tick = 0; tick < block.ticks(); ++tick) {
    REQUIRE(block.times_ms[tick] == all.times_ms[first + tick]);
  }
  CHECK(block.min_ms == block.times_ms.front());
  CHECK(block.max_ms == block.times_ms.back());
  for (Slot slot = 0; slot < all.slots; ++slot) {
    const std::uint64_t present = block.read(slot, values);
    for (std::size_t tick = 0; tick < block.ticks(); ++tick) {
      const std::size_t at = all.at(slot, first + tick);
      REQUIRE((present >> tick & 1U) == all.present[at]);
      if (all.present[at] != 0) REQUIRE(values[tick] == all.values[at]);
    }
  }
}

TEST_CASE("a block gives back every value of every width") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  HeadBlockBuilder builder;
  const DecodedBatch all = random_columns(random, kBlockTicks);
  for (std::size_t first = 0; first < kBlockTicks;) {
    const std::size_t count = std::min<std::size_t>(1 + random() % 7, builder.room());
    builder.add(all, first, count, static_cast<std::int64_t>(first));
    first += count;
  }
  const auto block = builder.build(5, 9, series_list(all.slots));
  check_block(*block, all, 0);
}

TEST_CASE("blocks that are joined give back what each of them held") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    const DecodedBatch all = random_columns(random, kBlockTicks);
    std::vector<std::shared_ptr<const HeadBlock>> parts;
    for (std::size_t first = 0; first < kBlockTicks;) {
      const std::size_t count = std::min<std::size_t>(1 + random() % 30, kBlockTicks - first);
      auto part = block_of(all, first, count, static_cast<std::int64_t>(first));
      part->last_seq = first + count;
      part->series = series_list(all.slots);
      check_block(*part, all, first);
      parts.push_back(std::move(part));
      first += count;
    }
    const auto block = joined(parts);
    check_block(*block, all, 0);
    CHECK(block->last_seq == kBlockTicks);
    CHECK(block->series == parts.back()->series);
    std::size_t place = 0;
    for (const auto& part : parts) {
      for (std::size_t tick = 0; tick < part->ticks(); ++tick, ++place) {
        CHECK(block->accepted[place] == part->accepted[tick]);
      }
    }
  }
}

TEST_CASE("slots that came later are empty in what was before them") {
  DecodedBatch few = batch_of(kStart, 10, 2, 5);
  DecodedBatch more = batch_of(kStart + 10'000, 10, 3, 7);
  few.values[few.at(1, 3)] = 6;
  const std::vector<std::shared_ptr<const HeadBlock>> parts{block_of(few, 0, 10, 1),
                                                            block_of(more, 0, 10, 2)};
  const auto block = joined(parts);
  std::array<std::uint64_t, kBlockTicks> values{};
  CHECK(block->read(1, values) == 0xfffff);
  CHECK(values[3] == 6);
  CHECK(values[4] == 5);
  CHECK(values[19] == 7);
  CHECK(block->read(2, values) == 0xffc00);
  CHECK(block->read(3, values) == 0);
}

TEST_CASE("a column takes the bits that its values differ in") {
  struct Case {
    std::uint64_t first;
    std::uint64_t step;
    unsigned width;
  };
  for (const Case& each : {Case{7, 0, 0}, Case{7, 1, 6}, Case{7, 4096, 6}, Case{1, 3, 8},
                           Case{std::uint64_t(-30), 1, 6}, Case{std::uint64_t(-3), 2, 6},
                           Case{std::uint64_t{1} << 63U, 1, 6}}) {
    CAPTURE(each.first, each.step);
    DecodedBatch batch = batch_of(kStart, kBlockTicks, 1, 0);
    for (std::size_t tick = 0; tick < kBlockTicks; ++tick)
      batch.values[tick] = each.first + tick * each.step;
    const auto block = block_of(batch, 0, kBlockTicks, 1);
    CHECK(unsigned{block->columns[0].width} == each.width);
    CHECK(block->data.size() == (each.width == 0 ? 0 : each.width * 8 + 16));
    check_block(*block, batch, 0);
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

TEST_CASE("short and middling batches become blocks of up to 64 ticks") {
  struct Case {
    std::size_t length;
    int batches;
    std::size_t blocks;  // of what they make
  };
  for (const Case& each :
       {Case{1, 64, 1}, Case{1, 65, 2}, Case{1, 72, 2}, Case{1, 73, 3}, Case{10, 6, 1},
        Case{10, 7, 2}, Case{10, 12, 2}, Case{64, 2, 2}, Case{100, 2, 4}}) {
    CAPTURE(each.length, each.batches);
    Head head({1 << 20, 3'600'000});
    std::int64_t now = kStart;
    for (int i = 1; i <= each.batches; ++i) {
      const DecodedBatch batch = batch_of(now, each.length, 10, static_cast<std::uint64_t>(i));
      head.append({kHost, 1, static_cast<std::uint64_t>(i), i, &batch, series_list(10)}, now);
      now += static_cast<std::int64_t>(each.length) * 1000;
    }
    const auto blocks = head.snapshot(kHost, 0, INT64_MAX).blocks;
    CHECK(blocks.size() == each.blocks);
    CHECK(ticks_in(head) == each.length * static_cast<std::size_t>(each.batches));
    CHECK(blocks.back()->last_seq == static_cast<std::uint64_t>(each.batches));
  }
}

TEST_CASE("a head without room keeps nothing, whatever comes") {
  Head head({0, 3'600'000});
  std::int64_t now = kStart;
  for (const std::size_t length : {1, 1, 10, 64, 7, 100, 1, 30}) {
    const DecodedBatch batch = batch_of(now, length, 10, 1);
    const auto seq = static_cast<std::uint64_t>(now - kStart + 1);
    head.append({kHost, 1, seq, static_cast<std::int64_t>(seq), &batch, series_list(10)}, now);
    now += static_cast<std::int64_t>(length) * 1000;
    CHECK(head.bytes() == 0);
    CHECK(ticks_in(head) == 0);
    CHECK(head.newest(kHost).size() == 10);
  }
}

TEST_CASE("the newest two samples are those of all batches, in whatever order they came") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const bool rewrites = round % 2 == 0;  // other values for the same times
    NewestTable table;
    std::map<SeriesId, std::map<std::int64_t, std::uint64_t>> all;
    for (std::int64_t accepted = 1; accepted < 12; ++accepted) {
      auto series = std::make_shared<std::vector<SeriesId>>();
      const auto slots = static_cast<std::uint32_t>(1 + random() % 6);
      // 0: a series that was refused; an id may stand twice.
      for (Slot slot = 0; slot < slots; ++slot)
        series->push_back(SeriesId(static_cast<std::uint32_t>(random() % 9)));
      DecodedBatch batch = batch_of(kStart, 1 + random() % 5, slots, 0);
      for (auto& time : batch.times_ms)
        time = kStart +
               static_cast<std::int64_t>(random() % 20) * (round % 5 == 0 ? 4'000'000'000 : 1000);
      for (std::size_t i = 0; i < batch.values.size(); ++i) {
        const std::int64_t time = batch.times_ms[i % batch.ticks()];
        batch.values[i] = static_cast<std::uint64_t>(time) * 31 + (rewrites ? random() : 0);
      }
      for (auto& there : batch.present) there = random() % 3 == 0 ? 0 : 1;
      for (Slot slot = 0; slot < slots; ++slot) {
        for (std::size_t tick = 0; tick < batch.ticks(); ++tick) {
          if (batch.present[batch.at(slot, tick)] == 0 || (*series)[slot] == SeriesId{}) continue;
          all[(*series)[slot]][batch.times_ms[tick]] = batch.values[batch.at(slot, tick)];
        }
      }
      if (random() % 2 == 0) {
        table.note(batch, *series, accepted, kStart);
      } else {
        const auto block = block_of(batch, 0, batch.ticks(), accepted);
        block->series = series;
        table.note(*block);
      }
    }
    const auto newest = table.all();
    REQUIRE(newest.size() == all.size());
    for (const auto& [id, sample] : newest) {
      const auto& samples = all.at(id);
      const auto last = std::prev(samples.end());
      CHECK(sample.time_ms == last->first);
      CHECK(sample.raw == last->second);
      if (round % 5 == 0) continue;  // too far from each other
      REQUIRE(sample.has_before == (samples.size() > 1));
      if (!sample.has_before) continue;
      CHECK(sample.before_ms == std::prev(last)->first);
      if (!rewrites) CHECK(sample.before_raw == std::prev(last)->second);
    }
    table.forget_before(kStart + 1'000'000'000'000);
    CHECK(table.all().empty());
  }
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
