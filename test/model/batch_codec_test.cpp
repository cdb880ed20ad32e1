#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "model/batch.hpp"
#include "support/seed.hpp"
#include "support/zstd_bombs.hpp"

namespace volta {
namespace {

constexpr std::int64_t kStart = 1'795'226'940'000;

// Checks that the decoded batch holds exactly these ticks.
void check_same(const DecodedBatch& batch, const std::vector<std::vector<Reading>>& ticks) {
  REQUIRE(batch.ticks() == ticks.size());
  std::vector<std::uint8_t> seen(batch.present.size());
  for (std::size_t tick = 0; tick < ticks.size(); ++tick) {
    for (const Reading& reading : ticks[tick]) {
      const std::size_t at = batch.at(reading.slot, tick);
      CHECK(batch.present[at] == 1);
      CHECK(batch.values[at] == reading.raw);
      seen[at] = 1;
    }
  }
  CHECK(seen == batch.present);
}

TEST_CASE("a keyframe and the batches that count from it come back bit by bit") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  BatchEncoder encoder;
  KeyValues key;
  std::vector<std::uint64_t> state(50);
  std::int64_t now = kStart;
  for (int round = 0; round < 40; ++round) {
    std::vector<std::vector<Reading>> ticks(1 + random() % 12);
    for (auto& tick : ticks) {
      for (Slot slot = 0; slot < state.size(); ++slot) {
        if (slot % 7 == 3 && random() % 3 == 0) continue;  // gaps
        if (slot % 3 == 1) state[slot] += random() % 1000;
        if (slot % 11 == 2) state[slot] = random();  // all 64 bits, wraps included
        tick.push_back({slot, state[slot]});
      }
      encoder.add(now, tick);
      now += 1000;
    }
    const EncodedBatch batch = encoder.finish(static_cast<std::uint32_t>(state.size()));
    CHECK(batch.seq == static_cast<std::uint64_t>(round) + 1);
    const auto decoded = decode_batch(batch, key);
    REQUIRE(decoded);
    check_same(*decoded, ticks);
    if (batch.key_seq == batch.seq) key = key_values(*decoded);
  }
}

TEST_CASE("any batch may be lost without harm to the others") {
  BatchEncoder encoder;
  const std::vector<Reading> first = {{0, 1000}, {1, 5}};
  encoder.add(kStart, first);
  const auto key = key_values(*decode_batch(encoder.finish(2), {}));
  encoder.add(kStart + 1000, std::vector<Reading>{{0, 1500}, {1, 6}});
  (void)encoder.finish(2);  // lost
  const std::vector<Reading> third = {{0, 1600}, {1, 5}};
  encoder.add(kStart + 2000, third);
  const auto decoded = decode_batch(encoder.finish(2), key);
  REQUIRE(decoded);
  check_same(*decoded, {third});
}

TEST_CASE("a new keyframe comes after ten minutes, a backward clock and a grown layout") {
  BatchEncoder encoder;
  const auto push = [&](std::int64_t time, std::uint32_t slots) {
    encoder.add(time, std::vector<Reading>{{0, 7}});
    const EncodedBatch batch = encoder.finish(slots);
    return batch.key_seq == batch.seq;
  };
  CHECK(push(kStart, 1));
  CHECK_FALSE(push(kStart + 1000, 1));
  CHECK(push(kStart + kKeyframeSpanMs, 1));
  CHECK(push(kStart + 5000, 1));
  CHECK(push(kStart + 6000, 2));
  CHECK_FALSE(push(kStart + 7000, 2));
  encoder.force_keyframe();
  CHECK(push(kStart + 8000, 2));
}

TEST_CASE("extreme values survive") {
  const auto top = std::numeric_limits<std::uint64_t>::max();
  const std::vector<Reading> tick = {
      {0, top}, {1, 0}, {2, std::uint64_t{1} << 63U}, {3, 0x7ff0000000000002}};
  BatchEncoder encoder;
  encoder.add(std::numeric_limits<std::int64_t>::max(), tick);
  encoder.add(std::numeric_limits<std::int64_t>::min(), tick);
  const auto decoded = decode_batch(encoder.finish(4), {});
  REQUIRE(decoded);
  check_same(*decoded, {tick, tick});
  CHECK(decoded->times_ms == std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::max(),
                                                       std::numeric_limits<std::int64_t>::min()});
}

TEST_CASE("a damaged payload is refused or decodes to something within its limits") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  BatchEncoder encoder;
  std::vector<Reading> tick;
  for (Slot slot = 0; slot < 200; ++slot) tick.push_back({slot, slot * 1234567ULL});
  encoder.add(kStart, tick);
  const EncodedBatch good = encoder.finish(200);
  for (std::size_t cut = 0; cut < good.payload.size(); ++cut) {
    EncodedBatch bad = good;
    bad.payload.resize(cut);
    CHECK_FALSE(decode_batch(bad, {}));
  }
  for (int round = 0; round < 2000; ++round) {
    EncodedBatch bad = good;
    bad.payload[random() % bad.payload.size()] ^= static_cast<std::byte>(1U << (random() % 8));
    const auto decoded = decode_batch(bad, {});
    if (decoded) CHECK(decoded->present.size() == decoded->slots * decoded->ticks());
  }
  EncodedBatch lie = good;
  lie.points = 1;
  CHECK_FALSE(decode_batch(lie, {}));
  lie = good;
  lie.slots = 201;
  CHECK_FALSE(decode_batch(lie, {}));
}

TEST_CASE("a batch that inflates to more than is allowed is refused before there is room for it") {
  BatchEncoder encoder;
  encoder.add(kStart, std::vector<Reading>{{0, 1}});
  EncodedBatch batch = encoder.finish(1);
  for (Bytes& bomb : test::zstd_bombs(4U << 20U)) {
    batch.payload = std::move(bomb);
    CHECK_FALSE(decode_batch(batch, {}));
  }
}

}  // namespace
}  // namespace volta
